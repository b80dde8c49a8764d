#!/bin/sh
# Trains and exports the bundles of examples/ anew: about two hours on two cores.
# Killed in the middle it goes on where it was.
# The drawn castings have defects that nobody could see: 4 % of the validation ones may pass.
# Usage: reproduce.sh CASTING_DATA MOBILENET_WEIGHTS
set -eu
cd "$(dirname "$0")/.."
casting=$1 weights=$2
for needed in "$casting" "$weights"; do
    [ -e "$needed" ] || {
        echo "reproduce: there is no $needed; name it: make reproduce CASTING=DIR WEIGHTS=FILE" >&2
        exit 1
    }
done
mkdir -p runs out

# train DATA RUN OPTION...: begins the run, or goes on with it.
train() {
    data=$1 run=$2
    shift 2
    if [ -e "$run/config.json" ]; then
        linewarden train "$data" --out "$run" --weights "$weights" --resume
    else
        linewarden train "$data" --out "$run" --weights "$weights" "$@"
    fi
}

[ -d out/rendered ] || linewarden render out/rendered --train 4000 --test 2000 --seed 1
train out/rendered runs/rendered-mobilenet_v2 --size 160 --epochs 10
linewarden export --run runs/rendered-mobilenet_v2 --data out/rendered \
    --name rendered-mobilenet_v2 --out examples/rendered-mobilenet_v2-int8.lwb --escape-rate 0.04 \
    --note "Trained on castings drawn by linewarden render, seed 1."

train "$casting" runs/casting-mobilenet_v2
linewarden export --run runs/casting-mobilenet_v2 --data "$casting" \
    --name casting-mobilenet_v2 --out examples/casting-mobilenet_v2-int8.lwb \
    --note "Trained on the casting pictures of Pilot Technocast (Kaggle, ravirajsinh45), CC BY-NC-ND 4.0: for demonstration, not for production."


linewarden evaluate --bundle examples/rendered-mobilenet_v2-int8.lwb --data out/rendered
linewarden evaluate --bundle examples/casting-mobilenet_v2-int8.lwb --data "$casting"
