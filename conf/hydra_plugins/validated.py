"""`${validated:}` in conf/config.yaml: what Hydra composed is checked before DVC writes params.yaml or runs anything.

Hydra imports what lies in hydra_plugins/ (`hydra.plugins_path` in .dvc/config).
"""

from omegaconf import OmegaConf

from query_assistant.pipeline.configuration import validated

OmegaConf.register_new_resolver("validated", validated, replace=True)
