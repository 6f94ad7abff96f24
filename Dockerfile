# The image in which steps run where nothing is installed (docs/machines.md): Python and the locked
# packages. The code is not in it: each run brings its own, so that a new loss needs no new image.
#   make image IMAGE=<registry>/tumorseg:<version>
#   make image IMAGE=<registry>/tumorseg:<version>-cuda TRAINING=training-cuda
FROM python:3.11-slim-bookworm
COPY requirements.lock requirements-profiles.lock /locks/
RUN python -m pip install --no-cache-dir --require-hashes -r /locks/requirements.lock -r /locks/requirements-profiles.lock
# Another backend or device: the pins of envs/<TRAINING>.yaml in place of TensorFlow for CPUs.
ARG TRAINING=training
COPY envs/$TRAINING.yaml /locks/training.yaml
RUN if ! grep -q tensorflow-cpu== /locks/training.yaml; then sed -n 's/^ *- \(.*==.*\)/\1/p' /locks/training.yaml > /locks/training.txt && python -m pip uninstall --yes tensorflow-cpu && python -m pip install --no-cache-dir --no-deps -r /locks/training.txt && python -m pip check; fi
# Snakemake installs the storages' plug-ins once more in every job, from wherever pip finds them: here
# the locked ones, without a network.
RUN sed -n '/^snakemake-storage-plugin-/,/^    # via/p' /locks/requirements-profiles.lock > /locks/storage.lock && python -m pip download --no-deps --require-hashes -d /locks/plugins -r /locks/storage.lock
RUN python -m pip config --site set install.no-index true && python -m pip config --site set install.no-deps true && python -m pip config --site set install.find-links /locks/plugins
# A user without an account (`--user 1000`, runAsNonRoot) has neither a name, without which Snakemake
# does not start, nor a home: caches go where everyone may write. The search for names looks for this
# one, so it is no word of the report.
ENV HOME=/tmp USER=docker-user
WORKDIR /workdir
