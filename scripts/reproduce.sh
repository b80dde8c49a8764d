#!/bin/sh
# Makes the figures of docs/results.md and the bundles of examples/ anew, but for attempts that were
# given up: audit, splits, the four models on the folders as given and on part-safe folds,
# comparison, export. It takes long without a GPU; killed in the middle it goes on where it was, and
# what is finished is not trained again.
# Usage: reproduce.sh CASTING_DATA MOBILENET_WEIGHTS [EFFICIENTNET_WEIGHTS]
set -eu
cd "$(dirname "$0")/.."
casting=$1 mobilenet=$2 efficientnet=${3:-}
for needed in "$casting" "$mobilenet"; do
    [ -e "$needed" ] || {
        echo "reproduce: there is no $needed; name it: make reproduce CASTING=DIR WEIGHTS=FILE" >&2
        exit 1
    }
done
if [ -z "$efficientnet" ] || [ ! -e "$efficientnet" ]; then
    echo "reproduce: no weights for EfficientNetB0 (EFFICIENTNET=FILE): it is left out" >&2
    efficientnet=
fi
seed=0 folds=3
note="Pictures of Pilot Technocast (Kaggle, ravirajsinh45), CC BY-NC-ND 4.0: for demonstration, not for production."
mkdir -p runs out

# train DATA RUN WEIGHTS OPTION...: begins the run, goes on with it, or leaves a finished one alone.
train() {
    data=$1 run=$2 weights=$3
    shift 3
    if [ -e "$run/metrics.json" ]; then
        echo "$run is finished"
    elif [ -e "$run/config.json" ]; then
        linewarden train "$data" --out "$run" --weights "$weights" --resume
    else
        linewarden train "$data" --out "$run" --weights "$weights" "$@"
    fi
}

# casting RUN MODEL OPTION...: the same for one of the four models on the castings.
casting() {
    run=$1 model=$2
    shift 2
    case $model in
    mobilenet_v2) weights=$mobilenet ;;
    efficientnet_b0) weights=$efficientnet ;;
    *) weights=none ;; # trained from scratch, as in the paper
    esac
    [ -n "$weights" ] || return 0
    train "$casting" "$run" "$weights" --model "$model" --seed "$seed" "$@"
}

# 1. What is in the pictures, and folds that keep every part on one side.
mkdir -p out/splits
if [ ! -e "out/splits/casting-fold$folds.json" ]; then
    linewarden audit "$casting" --out out/audit --seed "$seed" --folds "$folds" \
        --validation-share 0.15 --write-split out/splits/casting.json
fi

# 2. The paper's terms: the folders as the vendor made them. These figures leak.
casting runs/vendor-mobilenet_v2 mobilenet_v2 --drawn-defects 0 --epoch-pictures 1600
casting runs/vendor-efficientnet_b0 efficientnet_b0 --drawn-defects 0 \
    --epochs 6 --epoch-pictures 1600
casting runs/vendor-cnn cnn --drawn-defects 0 --epochs 12
casting runs/vendor-mlp_mixer mlp_mixer --drawn-defects 0 --epochs 20

# 3. Parts never seen: every fold for the two that matter, one for the others.
for fold in $(seq "$folds"); do
    split=out/splits/casting-fold$fold.json
    casting "runs/safe-mobilenet_v2-fold$fold" mobilenet_v2 --split "$split" --epoch-pictures 1600
    casting "runs/safe-efficientnet_b0-fold$fold" efficientnet_b0 --split "$split" \
        --epochs 14 --epoch-pictures 1600
done
for model in cnn mlp_mixer; do
    casting "runs/safe-$model-fold1" "$model" --split out/splits/casting-fold1.json \
        --epochs 12 --epoch-pictures 3000
done
casting runs/plain-cnn-fold1 cnn --drawn-defects 0 \
    --split out/splits/casting-fold1.json --epochs 15 --epoch-pictures 3000
casting runs/taught-cnn-fold1 cnn --teacher runs/safe-mobilenet_v2-fold1 \
    --split out/splits/casting-fold1.json --epochs 15 --epoch-pictures 3000

# 4. All beside one another and beside the paper.
linewarden compare runs/vendor-*/ runs/safe-*/ --data "$casting" --out out/compare

# 5. The bundles.
linewarden export --run runs/safe-mobilenet_v2-fold1 --data "$casting" \
    --fold runs/safe-mobilenet_v2-fold1 --fold runs/safe-mobilenet_v2-fold2 \
    --fold runs/safe-mobilenet_v2-fold3 \
    --name casting-mobilenet_v2 --version 0.3.0 --release 4 \
    --out examples/casting-mobilenet_v2-int8.lwb \
    --note "Trained on a part-safe split, fold 1 of $folds. $note"

linewarden export --run runs/safe-mobilenet_v2-fold1 --data "$casting" --recipe pruned-int8 \
    --fold runs/safe-mobilenet_v2-fold1 --fold runs/safe-mobilenet_v2-fold2 \
    --fold runs/safe-mobilenet_v2-fold3 --rung 192-at-35 \
    --name casting-mobilenet_v2-slim --version 0.2.0 --release 3 \
    --out examples/casting-mobilenet_v2-slim.lwb \
    --note "Trained on a part-safe split, fold 1 of $folds. $note"

# Not one of examples/: its initial weights have no licence.
if [ -n "$efficientnet" ]; then
    linewarden export --run runs/safe-efficientnet_b0-fold1 --data "$casting" \
        --recipe pruned-int8 --rung 192-at-40 \
        --name casting-efficientnet_b0-slim --out out/casting-efficientnet_b0-slim.lwb \
        --note "Trained on a part-safe split, fold 1 of $folds. $note"
fi

linewarden evaluate --bundle examples/casting-mobilenet_v2-int8.lwb --data "$casting" \
    --split out/splits/casting-fold1.json
linewarden evaluate --bundle examples/casting-mobilenet_v2-slim.lwb --data "$casting" \
    --split out/splits/casting-fold1.json

# The drawn castings have defects that nobody could see: 4 % of the validation ones may pass.
[ -d out/rendered ] || linewarden render out/rendered --train 4000 --test 2000 --seed 1
train out/rendered runs/rendered-mobilenet_v2 "$mobilenet" --size 160 --epochs 10
linewarden export --run runs/rendered-mobilenet_v2 --data out/rendered \
    --name rendered-mobilenet_v2 --out examples/rendered-mobilenet_v2-int8.lwb --escape-rate 0.04 \
    --note "Trained on castings drawn by linewarden render, seed 1."
# Nothing says in the run that every drawn picture shows a part of its own: drift needs to know.
python scripts/add_reference.py examples/rendered-mobilenet_v2-int8.lwb out/rendered - \
    examples/rendered-mobilenet_v2-int8.lwb 0.1.1
linewarden evaluate --bundle examples/rendered-mobilenet_v2-int8.lwb --data out/rendered
