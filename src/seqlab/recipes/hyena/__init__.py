"""Hyena, H3, attention and long convolutions as HazyResearch/safari trains them, each with a small sibling."""

from seqlab.recipes.hyena.equal_time import *  # noqa: F403
from seqlab.recipes.hyena.language import *  # noqa: F403
from seqlab.recipes.hyena.lra import *  # noqa: F403
from seqlab.recipes.hyena.lra_small import *  # noqa: F403
from seqlab.recipes.hyena.recall import *  # noqa: F403
