KINDS = {"MATLAB 7.3": (".mat",)}


def kind(head: bytes, path) -> str:
    return ""
