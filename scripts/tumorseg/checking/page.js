const field = document.querySelector(".problems input");
const codes = [...document.querySelectorAll(".codes button")];
for (const row of document.querySelectorAll(".problems tbody tr"))
  row.classList.add(row.cells[0].textContent);
for (const button of codes) {
  button.addEventListener("click", () => {
    field.value = field.value === button.dataset.code ? "" : button.dataset.code;
    field.dispatchEvent(new Event("input"));
  });
}
field?.addEventListener("input", () => {
  for (const button of codes)
    button.setAttribute("aria-pressed", String(button.dataset.code === field.value));
});
