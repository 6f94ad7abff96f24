# Runs the Snakemake command given as arguments, after clearing the lock that a killed run left.
#
# Snakemake's lock does not say whose it is, so Snakemake itself never clears it. Here it is cleared
# when all of this is true:
#   - no other `make all` is at work in this folder (it would hold a lock on $mark);
#   - the last one was started on this computer and did not come to its end ($mark has its name);
#   - no process in this folder runs Snakemake or a step: a step may outlive a killed Snakemake;
#   - no step that it gave to Slurm waits or runs.
# Where flock, /proc or the file system's locks are missing nothing is cleared, and Snakemake says
# what to do.

mark=.snakemake/make-all

at_work() {
    here=$(pwd -P)
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd" 2>/dev/null)" = "$here" ] || continue
        case $(cat "$process/comm" 2>/dev/null) in
            python* | snakemake*) grep -qs snakemake "$process/cmdline" && echo "${process#/proc/}" ;;
        esac
    done
}

# Snakemake's jobs say in their comment which rule they are; their folder is where it was started.
in_queue() {
    command -v squeue >/dev/null || return 0
    squeue --me --noheader --format='%i|%k|%Z' 2>/dev/null | while IFS='|' read -r job comment folder; do
        case $comment in
            rule_*) [ "$folder" = "$(pwd -P)" ] && echo "$job" ;;
        esac
    done
}

go_on() {
    if [ "$(cat "$mark")" = "$(uname -n)" ] && ls .snakemake/locks/*.lock >/dev/null 2>&1; then
        left=$(at_work | tr '\n' ' ')
        if [ -n "$left" ]; then
            echo "make: steps of a killed run are still at work: wait for them or end them: $left" >&2
            exit 1
        fi
        left=$(in_queue | tr '\n' ' ')
        if [ -n "$left" ]; then
            echo "make: jobs of a killed run are still in Slurm's queue: wait for them or: scancel $left" >&2
            exit 1
        fi
        echo "Going on where the killed run was"
        snakemake --unlock >/dev/null 2>&1
    fi
    uname -n >"$mark"
}

mkdir -p .snakemake
if command -v flock >/dev/null && [ -r /proc/self/comm ]; then
    exec 9>>"$mark"
    flock -n 9 2>/dev/null
    case $? in
        0) go_on ;;
        1)
            echo "make: another 'make all', or a step of a killed one, is at work in this folder: wait or end it" >&2
            exit 1
            ;;
        *) ;; # a file system without locks, as some clusters' are
    esac
fi

trap : INT TERM # the command ends first, and the mark is cleared
"$@"
status=$?
[ "$status" -gt 128 ] || : >"$mark" # more: a signal killed it, and its lock is left
exit "$status"
