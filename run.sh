#!/usr/bin/env bash
# The paper's six datasets by the default protocol.
# Autoencoder weights in weights/ are used where they are shipped; the others are trained.
set -euo pipefail
cd "$(dirname "$0")"

for dataset in mnist mnist-test usps fashion pendigits har; do
    weights=(weights/"$dataset"-[0-9]*-n2d.safetensors)
    if [ -f "${weights[0]}" ]; then autoencoder=(--ae_weights "${weights[0]}"); else autoencoder=(--save_weights); fi
    python n2d.py "$dataset" 0 "${autoencoder[@]}" --visualize
done
