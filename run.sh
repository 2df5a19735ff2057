#!/usr/bin/env bash
# The paper's six reproductions: 10 UMAP dimensions (HAR 6, one a class).
# Autoencoder weights in weights/ are used where they are shipped; the others are trained.
set -euo pipefail
cd "$(dirname "$0")"

n2d() {
    dataset=$1 umap_dim=$2
    weights=(weights/"$dataset"-[0-9]*-n2d.safetensors)
    if [ -f "${weights[0]}" ]; then autoencoder=(--ae_weights "${weights[0]}"); else autoencoder=(--save_weights); fi
    python n2d.py "$dataset" 0 "${autoencoder[@]}" --umap_dim="$umap_dim" --visualize
}

n2d mnist 10
n2d mnist-test 10
n2d usps 10
n2d fashion 10
n2d pendigits 10
n2d har 6
