# The image in which steps run where nothing is installed (profiles kubernetes and awsbatch): Python
# and the locked packages. The code is not in it: each run brings its own, so that a new loss needs
# no new image.   make image IMAGE=<registry>/tumorseg:<version>
FROM python:3.11-slim-bookworm
COPY requirements.lock requirements-profiles.lock /locks/
RUN python -m pip install --no-cache-dir --require-hashes -r /locks/requirements.lock -r /locks/requirements-profiles.lock
# Snakemake installs the storage's plug-in once more in every job, from wherever pip finds it: here
# the locked one, without a network.
RUN python -m pip download --no-deps --require-hashes -c /locks/requirements-profiles.lock -d /locks/plugins snakemake-storage-plugin-s3
RUN python -m pip config --site set install.no-index true && python -m pip config --site set install.no-deps true && python -m pip config --site set install.find-links /locks/plugins
WORKDIR /workdir
