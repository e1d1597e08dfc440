# shellcheck shell=bash
# Sourced by uml-kernel and qemu-kernel: packages of another Debian suite, with this machine's own package sources left as
# they are.

suite_apt() { # SUITE FOLDER: fetches the lists of that suite into the folder, and sets `apt`, the options that use them
    local archive
    archive=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' | grep '/debian/$' | sort -u | head -n 1) || true
    [ -n "$archive" ] || die 'no Debian archive among the package sources (apt-get update?)'
    mkdir -p "$2"/{lists,cache/archives}/partial
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $archive $1 main" > "$2/sources.list"
    apt=(-qq -o "Dir::Etc::sourcelist=$2/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o "Dir::State::lists=$2/lists" -o "Dir::Cache=$2/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update >&2 || die "no package lists of $1"
}
