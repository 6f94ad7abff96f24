# The image in which steps run where nothing is installed (profiles kubernetes, awsbatch and
# googlebatch): Python and the locked packages. The code is not in it: each run brings its own, so
# that a new loss needs no new image.   make image IMAGE=<registry>/tumorseg:<version>
FROM python:3.11-slim-bookworm
COPY requirements.lock requirements-profiles.lock /locks/
RUN python -m pip install --no-cache-dir --require-hashes -r /locks/requirements.lock -r /locks/requirements-profiles.lock
# Snakemake installs the storages' plug-ins once more in every job, from wherever pip finds them: here
# the locked ones, without a network.
RUN sed -n '/^snakemake-storage-plugin-/,/^    # via/p' /locks/requirements-profiles.lock > /locks/storage.lock && python -m pip download --no-deps --require-hashes -d /locks/plugins -r /locks/storage.lock
RUN python -m pip config --site set install.no-index true && python -m pip config --site set install.no-deps true && python -m pip config --site set install.find-links /locks/plugins
WORKDIR /workdir
