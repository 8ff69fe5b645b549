"""Teaching the base model: samples, training by torchtune or PEFT, and an adapter that is shared."""

import os

# Before PyTorch is loaded: threads that wait for each other sleep. Spinning, as they do by default, costs nearly half
# of the CPU, and beside other work a step takes many times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
