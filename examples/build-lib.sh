# Sourced by the build.sh of examples in Python, which runs in the example's folder.
set -euo pipefail
cd "$(dirname "$0")"

# python_build FILE... puts the files into build/, beside what requirements.txt
# names, for Python 3.11 on Linux, whichever Python and system this runs on: a
# sandbox has no network to install from.
python_build() {
  local python=${PYTHON:-python3} want
  want=$(sha256sum requirements.txt ../build-lib.sh)
  if [ "$(cat build/.packages 2>/dev/null)" != "$want" ]; then
    rm -rf build
    mkdir -p build
    "$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile \
      --target build --only-binary=:all: --python-version 3.11 --implementation cp \
      --platform "manylinux2014_$(uname -m)" --platform "manylinux_2_28_$(uname -m)" -r requirements.txt >pip.log 2>&1 ||
      { cat pip.log >&2; exit 1; }
    rm pip.log
    echo "$want" >build/.packages
  fi
  cp "$@" build/

  # Code is mounted read-only, so what is not compiled now would be compiled at
  # every start. By content, since deploying does not keep files' times.
  for python in "$python" python3.11 /usr/bin/python3.11; do
    if [ "$("$python" -c 'import sys; print(*sys.version_info[:2])' 2>/dev/null)" = "3 11" ]; then
      "$python" -m compileall -q --invalidation-mode unchecked-hash build >/dev/null || true
      break
    fi
  done
}
