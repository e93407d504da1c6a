#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh checkout on Debian 12 to a recorded training: installs what is missing, builds mlf into
# build/, and trains with an unmodified svm-train. A second start works without a network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_packages "${BUILD_PACKAGES[@]}" libsvm-tools || exit 1
else
    mapfile -t missing < <(missing_elsewhere svm-train)
    if [ "${#missing[@]}" -gt 0 ]; then
        {
            printf 'This is no Debian, so this script installs nothing. mlf needs: a C compiler, meson 1.0 or\n'
            printf 'later, ninja, pkg-config, and the development files of SQLite 3.31 or later, cJSON, PCRE2\n'
            printf '(8 bit), OpenSSL (libcrypto), libyaml and GSL; this demonstration also LIBSVM'"'"'s command svm-train.\n'
            printf 'Not found here: %s\n' "${missing[*]}"
        } >&2
        exit 1
    fi
fi

[ -f build/build.ninja ] || meson setup build
ninja -C build cli/mlf cli/mlf-tuner hooks/libmlf_hooks.so

cd examples/unmodified_binary
mlf=../../build/cli/mlf
run() {
    printf '\n$ %s\n' "$*"
    "$@"
}
run "$mlf" run --summary -- svm-train -c 5 iris.scale iris.model
run "$mlf" runs show
run "$mlf" run --summary -- svm-train -q -c 5 -v 5 iris.scale
run "$mlf" runs show
run "$mlf" runs list

cat <<'EOF'

Both trainings are in examples/unmodified_binary/mlflow.db. To look at them again:

    cd examples/unmodified_binary
    ../../build/cli/mlf runs list
    ../../build/cli/mlf runs show RUN          # RUN: the first characters of an id

or in MLflow's own pages (pip install mlflow), at http://127.0.0.1:5000:

    mlflow server --backend-store-uri sqlite:///mlflow.db
EOF
