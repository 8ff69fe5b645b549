"""`${validated:}` in conf/config.yaml: what Hydra composed is checked before DVC writes params.yaml or runs anything.

Hydra imports what lies in hydra_plugins/ (`hydra.plugins_path` in .dvc/config).
"""

import sys
from pathlib import Path

from omegaconf import OmegaConf

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))  # this checkout's, whichever is installed

from query_assistant.pipeline.configuration import validated

OmegaConf.register_new_resolver("validated", validated, replace=True)
