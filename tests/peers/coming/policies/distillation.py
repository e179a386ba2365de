"""trl's distillation losses, of the logits of a student and of its teacher."""

import importlib.metadata

from trl.experimental.gkd import GKDTrainer

VERSION = importlib.metadata.version("trl")


def setting(**options):
    def run(student, teacher):
        # One sequence: the mean over sequences is the sum over its tokens.
        return GKDTrainer.generalized_jsd_loss(student[None], teacher[None], **options)

    return run


SETTINGS = {
    "generalized_jsd_loss(beta=0.5), the default": setting(),
    "beta=0.1": setting(beta=0.1),
    "beta=0.9": setting(beta=0.9),
    "beta=0.001": setting(beta=0.001),
    "beta=0.999": setting(beta=0.999),
    "beta=0": setting(beta=0),
    "beta=1": setting(beta=1),
    "beta=0.5, temperature=2": setting(temperature=2.0),
}
