#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Usage: descent.sh RATE MOMENTUM: forty steps of gradient descent on a narrow valley, ten milliseconds each; prints the loss
# after each, as training programs do.
exec awk -v rate="$1" -v momentum="$2" 'BEGIN {
    x = 4; y = 2
    for (epoch = 1; epoch <= 40; epoch++) {
        dx = momentum * dx - rate * 2 * x
        dy = momentum * dy - rate * 40 * y
        x += dx; y += dy
        printf "epoch %d loss %g\n", epoch, x * x + 20 * y * y
        fflush()
        system("sleep 0.01")
    }
}'
