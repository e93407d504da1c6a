#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds mlf with gcc, with clang and with the sanitizers, runs every test, and ends with one line:
# "N passed, N failed, N skipped", counted in single checks. Usage: scripts/test.sh [--full]
# What is missing is installed first (Debian, as root); a second start needs no network.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
. scripts/packages.sh

# What interop tests read back with: the MLflow of today with the Optuna that studies are compared with, and
# the MLflow whose schema we create. Old ones do not
# start with the SQLAlchemy of today, which they allow.
MLFLOW_TODAY=(mlflow==3.17.2 psutil==7.2.2 selenium==4.51.0 optuna==5.0.0 cmaes==0.13.1)
MLFLOW_SCHEMA=(mlflow==3.1.4 sqlalchemy==2.0.58)
# With --full: versions between the two, and one whose schema is only read.
MLFLOW_OTHERS=(mlflow==2.22.1 mlflow==3.5.1 mlflow==3.10.1)
TEST_PACKAGES=("${BUILD_PACKAGES[@]}" bindfs binutils chromium chromium-driver clang clang-format clang-tidy g++ gfortran
    libfann-dev liblinear-tools libclang-rt-14-dev libsvm-dev libsvm-tools man-db musl-tools python3
    python3-venv sqlite3 strace util-linux)
TEST_TOOLS=(gcc g++ clang clang-format clang-tidy meson ninja pkg-config nm objdump
    svm-train liblinear-train bindfs chromium chromedriver musl-gcc python3 sqlite3 strace man setarch)

case "${1-}" in
"") ;;
--full) export MLF_TEST_FULL=1 ;;
*)
    printf 'usage: %s [--full]\n' "$0" >&2
    exit 2
    ;;
esac

failures=()
logs=()
launcher=()

fail() {
    printf 'test.sh: %s\n' "$1" >&2
    failures+=(--failed "$1")
}

# prepare_python FOLDER PACKAGE==VERSION...: a Python that has these. pip is called only when it has not.
prepare_python() {
    local python="$PWD/$1/bin/python"
    local check="import importlib.metadata as m, sys
raise SystemExit(any(m.version(n) != v for n, v in (p.split('==') for p in sys.argv[1:])))"
    if ! "$python" -c "$check" "${@:2}" 2>/dev/null; then
        printf 'Installing into %s: %s\n' "$1" "${*:2}"
        rm -rf "$1"
        if ! python3 -m venv "$1" ||
            ! "$python" -m pip install -q --disable-pip-version-check "${@:2}"; then
            fail "${*:2} could not be installed"
        fi
    fi
}

# build NAME [MESON OPTION]...: configures (once) and compiles build-test/NAME.
build() {
    local folder="build-test/$1"
    printf '\n== %s: build\n' "$1"
    if [ ! -f "$folder/build.ninja" ]; then
        meson setup "$folder" --werror "${@:2}" >"$folder.log" 2>&1 || {
            cat "$folder.log"
            fail "$1: meson setup"
            return 1
        }
    fi
    ninja -C "$folder" >"$folder.log" 2>&1 || {
        tail -n 100 "$folder.log"
        fail "$1: compile"
        return 1
    }
}

# run NAME [ARGUMENT OF meson test]...: runs tests of build-test/NAME and keeps the log for the count.
run() {
    local log="build-test/$1/meson-logs/testlog.json"
    printf '\n== %s: test\n' "$1"
    rm -f "$log"
    "${launcher[@]}" meson test -C "build-test/$1" --no-rebuild --print-errorlogs "${@:2}" </dev/null
    if [ -s "$log" ]; then
        logs+=("$1=$log")
    else
        fail "$1: no test ran"
    fi
}

mkdir -p build-test
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_packages "${TEST_PACKAGES[@]}"
fi
for tool in "${TEST_TOOLS[@]}"; do
    command -v "$tool" >/dev/null || fail "$tool is needed and not installed"
done
prepare_python .venv "${MLFLOW_TODAY[@]}"
prepare_python .venv-3.1 "${MLFLOW_SCHEMA[@]}"
export MLF_TEST_PYTHON="$PWD/.venv/bin/python" MLF_TEST_PYTHON_31="$PWD/.venv-3.1/bin/python"
if [ -n "${MLF_TEST_FULL-}" ]; then
    for version in "${MLFLOW_OTHERS[@]}"; do
        folder=".venv-${version#mlflow==}"
        prepare_python "$folder" "$version" "${MLFLOW_SCHEMA[1]}"
        MLF_TEST_PYTHONS="${MLF_TEST_PYTHONS-}:$PWD/$folder/bin/python"
    done
    export MLF_TEST_PYTHONS
fi
# A finding ends the test that made it.
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# Which program a test starts must not hang on what the caller has set.
unset "${!MLFLOW_@}" MLF_OFF MLF_LOG MLF_SPOOL MLF_OFFLINE MLF_SESSION LD_PRELOAD

CC=gcc build gcc && run gcc
CC=clang build clang
CC=gcc build asan -Db_sanitize=address,undefined &&
    run asan --suite unit --suite fault --suite fuzz --timeout-multiplier 4
# Thread sanitizer needs the memory layout that address space randomisation may take from it.
launcher=(setarch --addr-no-randomize)
CC=gcc build tsan -Db_sanitize=thread &&
    run tsan --suite unit --timeout-multiplier 10

printf '\n'
exec python3 scripts/tally.py "${failures[@]}" "${logs[@]}"
