"""The DLN journal (randomekek/sequence, August 2023 to June 2024): each entry, what it printed, what was wrong with it.

An entry is named by the date and time of its log. `_small` siblings need no download and take minutes on 2 cores. What
the journal printed is of training data unless "test" stands beside it. Faulty forms are in the museum of audits
(docs/audits.md) and not here.
"""

from __future__ import annotations

from dataclasses import replace

from seqlab.channels.compute_gate import ComputeGate
from seqlab.channels.mlp import MLP
from seqlab.experiment import Batching, Budget, Experiment
from seqlab.mixers import Mixer
from seqlab.mixers.attention import Attention
from seqlab.mixers.dln import DLN
from seqlab.mixers.tdln import TDLN
from seqlab.mixers.tdln_first import FirstTDLN
from seqlab.mixers.window import Window
from seqlab.models import Block
from seqlab.models.lm import LM
from seqlab.models.tiled import Tiled
from seqlab.nn.attention_laws import AttentionLaws
from seqlab.nn.inits.glorot import Glorot
from seqlab.nn.inits.lecun import LeCun
from seqlab.nn.memory import Memory
from seqlab.nn.norms.layernorm import LayerNorm
from seqlab.nn.norms.rmsnorm import RMSNorm
from seqlab.optim.optimisers.adam import Adam
from seqlab.optim.optimisers.adamw import AdamW
from seqlab.optim.schedules.constant import Constant
from seqlab.optim.schedules.cosine import Cosine
from seqlab.tasks import Task
from seqlab.tasks.autoencode import Autoencode
from seqlab.tasks.keyed_recall import KeyedRecall
from seqlab.tasks.strings import Strings
from seqlab.tasks.text import Text

__all__ = [
    "bits", "bits_small", "characters", "characters_small", "compute_gate", "compute_gate_small", "gpt", "gpt_small",
    "gpt_window", "gpt_window_small", "image_dln", "image_dln_small", "image_levels", "image_levels_small",
    "image_tdln", "image_tdln_first", "image_tdln_small", "keys", "one_bit", "strings", "strings_small",
]  # fmt: skip

TIME = "mixers.*.recurrences.*.time.*"
"""The linear of the time, which gets no gradient behind a time bias of 1000."""
FEED_FORWARD = MLP(activation="gelu_tanh", bias=False)
"""The two linears of 2024."""


def image_dln() -> Experiment:
    """An image drawn again from the last state of 500 fixed oscillators: the best of the DLNs.

    Source: 20230810-184606, batches of 40, Adam 1e-4: test accuracy 93.6 % after 3,009 iterations.

    Command: seqlab run dln:image_dln
    Time: half an hour on 2 cores. Here: dln:image_dln_small.
    Its kin: 0808-235948, D 50, memory trained: 73.1 % (model.dim=50 model.mixers.0.memory.trained=true); 0809-000554,
    fixed, 72.6 %, and 0810-184035, fixed by another means, 66.3 % after 600 (model.dim=50); 0810-184342, the same
    without one of the two means, 47.1 % after 401: nothing but earlier; 0810-191908, all trained, 81.4 % after 529
    (model.mixers.0.memory.trained=true).
    What was wrong: no floor stood beside. A black image has 85 % and the mean image a squared error of 0.067, so that D
    50 (0.06 to 0.07) had learned the mean image. "Memory fixed" and "trained" were compared at other iterations.
    """
    return _image(_drawing(500, DLN(memory=_long_memory())), steps=3000)


def image_dln_small() -> Experiment:
    """The same on the small Fashion-MNIST that ships with seqlab, whose images have 196 pixels.

    Command: seqlab run dln:image_dln_small
    Expected: val/loss well below mean_image, within two minutes on 2 cores. Memory 50 against 500: model.dim=500;
    trained against fixed: model.mixers.0.memory.trained=true.
    """
    return _small(_image(_drawing(50, DLN(memory=_long_memory()))))


def image_tdln_first() -> Experiment:
    """The first TDLN: a DLN, a linear and a relu, the first TDLN, and the image.

    Source: 20230810-202925: 84.8 % in the test after 896 iterations, a squared error of 0.11.

    Command: seqlab run dln:image_tdln_first
    Its kin: 0810-203338, the time held at 1, 84.0 % after 338 (model.mixers=dln,dln
    model.mixers.all.memory.shortest_horizon=1000 model.mixers.all.memory.longest_horizon=10000
    model.mixers.0.memory.trained=false); 0810-203632, the time held at 1 in the model of dln:image_dln, 87.5 % after
    1,142: that is this model, for a TDLN whose time is 1 is a DLN.
    What was wrong: 0.11 and 85 % are the black image. "T = 1" was not the cure: without norm and residual the sums over
    784 pixels drive the last sigmoid into its end.
    """
    return _image(
        _drawing(500, DLN(memory=_long_memory()), FirstTDLN(memory=_long_memory(trained=True)), hidden=0), steps=900
    )


def image_tdln() -> Experiment:
    """The TDLN that was kept, with a time bias of 1000: a DLN behind a linear.

    Source: 20230810-213808: test accuracy 94.9 % after 3,169 iterations, a squared error of 0.01.

    Command: seqlab run dln:image_tdln
    Time: half an hour on 2 cores. Here: dln:image_tdln_small.
    Its kin: 0810-205047, the same, shorter: 88.6 % after 1,192; 0810-221135 and 0810-221217, without the bias: 70.1 %
    after 73, 78.3 % after 378 (model.mixers.0.time_bias=0 freeze=()).
    What was wrong: the first recurrence was frozen whole, its linears too, though it says "fixed memory"
    (freeze=mixers.0.*); here its memory and its data are trained. With a bias of 1000 the time's linear has no
    gradient.
    """
    return replace(_image(_drawing(500, TDLN(time_bias=1000.0, memory=_long_memory())), steps=3000), freeze=(TIME,))


def image_tdln_small() -> Experiment:
    """The same on the small Fashion-MNIST, with D 50.

    Command: seqlab run dln:image_tdln_small
    Expected: val/loss well below mean_image, within two minutes on 2 cores. Without the bias:
    model.mixers.0.time_bias=0 freeze=().
    """
    return _small(replace(_image(_drawing(50, TDLN(time_bias=1000.0, memory=_long_memory()))), freeze=(TIME,)))


def image_levels() -> Experiment:
    """A TDLN and further levels h <- norm(relu(TDLN(h) + h)), here one.

    Source: 20230810-221444, one level, no time bias: test accuracy 85.7 % after 921 iterations, at 7.3 iterations a
    second.

    Command: seqlab run dln:image_levels
    Time: an hour on 2 cores. Here: dln:image_levels_small.
    Its kin: 0810-224054, three levels, 87.8 % after 1,363 at 3.7 a second (model.mixers.0.levels=3); 0810-225938, one
    level without the digit 4, 89.1 % after 1,650 (task.left_out=4); 0810-225233, three, 81.9 % after 397 (both);
    0810-223703, the pictures between two images (seqlab interpolate); 0810-223440 is empty.
    What was wrong: the norm was one over all positions and features; and levels were compared by eye, "the same in
    epochs, slower in time", which `seqlab compare` does at equal steps and equal time. "Is it just the highway":
    model.mixers.0.residual=false.
    """
    return _image(_drawing(500, TDLN(levels=1, memory=_long_memory()), hidden=0), steps=1650)


def image_levels_small() -> Experiment:
    """The same on the small Fashion-MNIST, with D 50.

    Command: seqlab run dln:image_levels_small
    Expected: val/loss well below mean_image, within three minutes on 2 cores. Three levels: model.mixers.0.levels=3;
    without shirts, and what becomes of them: task.left_out=6, then seqlab interpolate RUN --from 6 --to 9.
    """
    return _small(_image(_drawing(50, TDLN(levels=1, memory=_long_memory()), hidden=0)))


def bits() -> Experiment:
    """A text as bits, a byte at each position, by a TDLN and one level.

    Source: 20230812-190728: Wikitext, 8 bits a position, D 400: "25.5 %" in the test after 1,337 iterations.

    Command: seqlab run dln:bits task.path=FILE
    Time: hours on 2 cores. Here: dln:bits_small. The journal's accuracy is val/bit_accuracy.
    Its kin: 0812-180730, 32 bits a position, 24.4 %; -182344, nothing frozen, 24.6 % after 206; -182610 and -182751,
    Adam 1e-5, 23.9 % and 25.8 %; -191614, shorter memories, 25.0 %; -191938, frozen again, 1.9 % after 36; -195711,
    after the mending, 24.7 %; -200805, Adam 1e-4, 24.4 %; -201435, 25.1 % after 97 (optim.lr=1e-5
    model.mixers.0.memory.trained=false). 32 bits a position are not offered: four bytes at once leave no alphabet to
    score.
    What was wrong: until -195434 targets were cut along the batch, so that each row had to say the next row. 24.5 % is
    what the frequencies of the bits alone give: two of eight can be guessed within 0.2. The floor `unigram` says so.
    """
    task = replace(_tiled_text(2000), bit_accuracy=True)
    return _text(400, TDLN(levels=1, memory=_memory()), task, rows=20, steps=1337, bits=True)


def bits_small() -> Experiment:
    """The same with short rows and a narrow model, on the text that ships with seqlab.

    Command: seqlab run dln:bits_small
    Expected: val/loss below the unigram's, val/bit_accuracy above the unigram's, within two minutes on 2 cores.
    """
    task = replace(_tiled_text(128), bit_accuracy=True)
    experiment = _text(160, TDLN(levels=1, memory=_memory()), task, rows=16, steps=1000, bits=True)
    return replace(experiment, optim=Adam(lr=2e-3))


def strings() -> Experiment:
    """One string learned by heart, as bits, a byte at each position.

    Source: 20230812-195434, one string: every bit within 0.2 after 1,113 iterations.

    Command: seqlab run dln:strings
    Time: minutes on 2 cores; shorter: dln:strings_small.
    Its kin: 0812-200358 and -200455, two sentences: 100 % after 809 and 879 (task.count=2); 0812-201546, -201704 and
    -201728, five entries of several lengths: 99.6 % after 559, 99.1 % after 412, 99.6 % after 725 (task.count=5
    task.lengths=60,125,250).
    What was wrong: nothing tells a text that was learned from a sequence of places. The shift test (text[1:]) does:
    `shifted_accuracy` stands beside. The snapshots of these entries are the same file, for the data was a global.
    """
    return _by_heart(Strings(lengths=(250,)), 400, bits=True)


def strings_small() -> Experiment:
    """The same with a string of 125 bytes and D 200.

    Command: seqlab run dln:strings_small
    Expected: val/accuracy above 0.98, within two minutes on 2 cores; two and five strings: task.count=2, task.count=5.
    As 256-way characters: model.bits=false model.dim=256.
    """
    return replace(_by_heart(Strings(lengths=(125,)), 200, bits=True), optim=Adam(lr=1e-3), budget=Budget(steps=400))


def one_bit() -> Experiment:
    """One string of 4,000 bits, a bit at each position.

    Source: 20230814-221319, mean squared error: 99.6 % of the bits within 0.2 after 871 iterations.

    Command: seqlab run dln:one_bit
    Time: minutes on 2 cores.
    Its kin: 0814-223153, binary cross-entropy: 53.9 % after 873.
    What was wrong: the two losses differ in scale, so one rate is two rates; and the cross-entropy was clipped at
    1e-15. Here it is of logits. The squared error is not offered.
    """
    return _by_heart(Strings(lengths=(500,), symbols="bits"), 400, bits=False)


def characters() -> Experiment:
    """Bytes as 256-way characters: one-hot vectors, repeated, and a TDLN with one level; random windows.

    Source: 20231030-215927: D 2048, batches of 10 x 300, Adam 1e-4: a loss of 3.30e-3 at iteration 5,502, 33 passes
    over 500,000 bytes. Times 256 that is 0.845 nats, of training data.

    Command: seqlab run dln:characters
    Time: hours on 2 cores. Here: dln:characters_small.
    Its kin: 0817-231757, D 1024, no level, 30 x 1,000: .01 at 1,019 (model.dim=1024 model.mixers.0.levels=0
    batch.size=30 task.length=1000); 0817-233350 and -235231, with the level: .01 at 1,491, .00 at 3,798; 0818-002901,
    100 x 300: .01 at 556; 0818-003707, as this: .01 at 47; 1029-160546, 8.84e-3 at 557.
    What was wrong: the loss is a mean over the 256 classes too, so it is divided by 256; the accuracy took the largest
    of the whole batch and printed 0.0 in every entry; until 30 October the norm was one over all positions, which shows
    the future. There was no held-out text.
    """
    return _text(2048, TDLN(levels=1, memory=_memory(trained=False)), _tiled_text(300), rows=10, steps=5502)


def characters_small() -> Experiment:
    """The same with D 256 and rows of 128.

    Command: seqlab run dln:characters_small
    Expected: val/loss below the bigram's, within five minutes on 2 cores.
    """
    task = _tiled_text(128)
    experiment = _text(256, TDLN(levels=1, memory=_memory(trained=False)), task, rows=16, steps=800)
    return replace(experiment, optim=Adam(lr=3e-3))


def keys() -> Experiment:
    """Keys whose value never changes, and keys whose value is another one in every row.

    Source: synthetic.py of randomekek/sequence; no number of it was kept.

    Command: seqlab run dln:keys
    Expected: accuracy_of_fixed_keys 1 within a minute on 2 cores, accuracy_of_contextual_keys later; `no_memory` and
    `bayes` among the floors say what each is worth. Attention in its place: model.mixers=attention.
    """
    model = Tiled(dim=80, mixers=(TDLN(levels=1),), hidden=0)
    return _plain(KeyedRecall(), model, rows=32, steps=600, lr=1e-3)


def gpt() -> Experiment:
    """The character GPT of 2024: 6 layers of 384, windows of 256, lower-cased Shakespeare, initial scales as they were.

    Source: 20240601-131606: gelu, queries and keys at 0.1, values too, embedding at 0.03: 0.770 at iteration 2,499.

    Command: seqlab run dln:gpt
    Time: a day on 2 cores, minutes on a GPU. Here: dln:gpt_small.
    The journal's text is tinyshakespeare, 39 symbols: task.path=FILE. Cased: task.lowercase=false.
    Its kin: 0530, one matrix of queries, keys and values, 0.785 (model.layers.all.mixer.laws.qk=none
    model.layers.all.mixer.laws.v=none model.layers.all.mixer.laws.qkv=glorot
    model.layers.all.mixer.laws.qkv.scale=0.1); the scale of values on 06-01, .003 1.914, .01 1.898, .03 1.906, .1
    1.953, .3 2.047, 1 2.109, 3 2.203 after 250 (model.layers.all.mixer.laws.v.scale); the laws of up, he 1.07,
    1/sqrt(in) 0.94, glorot 0.94 (model.layers.all.channel.up_init=he). Activations
    (model.layers.all.channel.activation): 0605-183134 relu 0.887, -183626 relu with he 0.953, -212013 x - 1.5 tanh x
    1.008, -215750 x - 2.5 tanh x 1.094, -204752 x - 0.5 tanh x 1.500; 0610, to 3,999: gelu 0.459, relu 0.531, sigmoid
    0.426, tanh (x - 3.15 tanh(x/3)) 0.309; without a log: x - 3 tanh(x/3) 0.9, x - 0.9 tanh x 1.25, leaky relu .98
    1.57, x + tanh x 1.58, x 1.57.
    What was wrong: layers were added twice (model.layers.all.residual=doubled accept=residual_gain), which is why the
    embedding's scale was "super critical"; all losses are of the last training batch, with dropout, in bfloat16, of one
    seed, after 25 to 41 passes over the same windows; no text was held out. The shrinking functions had another law of
    up than gelu and relu. nanoGPT's model of this size has 1.4697 on held-out text.
    """
    block = _gpt_block(Attention(heads=6, dropout=0.2), FEED_FORWARD, dropout=0.2)
    return _gpt(384, block, 6, _shakespeare(256), rows=64, steps=2500)


def gpt_small() -> Experiment:
    """The same with 6 layers of 64 and windows of 64, without dropout, on the text that ships with seqlab.

    Command: seqlab run dln:gpt_small
    Expected: val/loss below the bigram's, within three minutes on 2 cores. The embedding's scale:
    model.embedding_init.scale=1; the stream added twice: model.layers.all.residual=doubled accept=residual_gain.
    """
    return _small_gpt(64, _gpt_block(Attention(heads=4), FEED_FORWARD), 6)


def gpt_window() -> Experiment:
    """Attention that looks at 5 symbols, and at the state of a DLN of 100 features.

    Source: 20240601-152117: 0.887 at iteration 2,499; 0601-145309, a window of 20, 1.708 at 249
    (model.layers.all.mixer.window=20).

    Command: seqlab run dln:gpt_window
    Time: a day on 2 cores. Here: dln:gpt_window_small.
    Without the DLN: model.layers.all.mixer.memory=none.
    What was wrong: the scan of 0601-152117 returned the product of the decays, which no input reaches, and the decays
    of both were 1 - U(0.95, 0.999), so that what was remembered was gone after two symbols: "5 history can match full
    history" is about a window of 5 in 6 layers, which sees 25 characters. 3.7 against 6.9 iterations a second is
    float32 against bfloat16 as well.
    """
    mixer = Window(window=5, heads=6, dropout=0.2, memory=DLN(memory=_real_memory()), memory_dim=100)
    return _gpt(384, _gpt_block(mixer, FEED_FORWARD, dropout=0.2), 6, _shakespeare(256), rows=64, steps=2500)


def gpt_window_small() -> Experiment:
    """The same with 6 layers of 64 and windows of 64, on the text that ships with seqlab.

    Command: seqlab run dln:gpt_window_small
    Expected: val/loss below the bigram's, within four minutes on 2 cores. A window of 1 and no memory is a bigram
    model: model.layers.all.mixer.window=1 model.layers.all.mixer.memory=none.
    """
    mixer = Window(window=5, heads=4, memory=DLN(memory=_real_memory()), memory_dim=32)
    return _small_gpt(64, _gpt_block(mixer, FEED_FORWARD), 6)


def compute_gate() -> Experiment:
    """A feed-forward layer whose features pass a gate, with as many parameters as the plain one.

    Source: 16 May 2024: gate 1.077 and 62.0 % at 3,258, plain layer 0.986 and 67.8 % at 3,282.

    Command: seqlab run dln:compute_gate
    Time: hours on 2 cores. Here: dln:compute_gate_small.
    The plain layer: model.layers.all.channel=mlp model.layers.all.channel.expansion=4
    model.layers.all.channel.bias=false; SwiGLU: model.layers.all.channel=swiglu. With the journal's
    model.layers.all.channel.expansion=4 the gate has half as many weights again, and still lost.
    What was wrong: the norms were over all positions and features; the embedding had unit scale, so that the first loss
    was 64; the accuracy is of one fixed training batch. Its heads had 256 features each; here the four share 256.
    """
    block = _gpt_block(Attention(heads=4, dropout=0.1), ComputeGate(expansion=8 / 3), dropout=0.1)
    return replace(_gpt(256, block, 6, _shakespeare(128), rows=64, steps=3300), optim=AdamW(lr=3e-4, weight_decay=0.1))


def compute_gate_small() -> Experiment:
    """The same with 3 layers of 96 and windows of 64, on the text that ships with seqlab.

    Command: seqlab run dln:compute_gate_small
    Expected: val/loss below the bigram's, within three minutes on 2 cores.
    """
    block = _gpt_block(Attention(heads=4), ComputeGate(expansion=8 / 3))
    return _small_gpt(96, block, 3)


def _long_memory(*, trained: bool = False) -> Memory:
    """As it was until 12 August 2023: horizons of 1,000 to 10,000 positions."""
    return Memory(trained=trained, shortest_horizon=1000.0, longest_horizon=10_000.0)


def _memory(*, trained: bool = True) -> Memory:
    """From then on: 10 to 1,000."""
    return Memory(trained=trained)


def _real_memory() -> Memory:
    """What was meant in June 2024: decays of 0.95 to 0.999, which do not turn."""
    return Memory(shortest_horizon=20.0, longest_horizon=1000.0, shortest_period=1.0, longest_period=1.0)


def _drawing(dim: int, *mixers: Mixer, hidden: int = 1) -> Tiled:
    return Tiled(dim=dim, mixers=mixers, hidden=hidden)


def _plain(task: Task, model: Tiled, *, rows: int, steps: int, lr: float = 1e-4) -> Experiment:
    """Adam with a constant rate and no clipping, as everything of 2023."""
    return Experiment(
        task=task,
        model=model,
        optim=Adam(lr=lr),
        schedule=Constant(),
        batch=Batching(size=rows),
        clip=None,
        budget=Budget(steps=steps),
    )


def _image(model: Tiled, steps: int = 1000) -> Experiment:
    return _plain(Autoencode(path="card:mnist"), model, rows=40, steps=steps)


def _small(experiment: Experiment) -> Experiment:
    """On images that ship, at ten times the rate."""
    return replace(experiment, task=Autoencode(), optim=Adam(lr=1e-3), budget=Budget(steps=600))


def _text(dim: int, mixer: Mixer, task: Task, *, rows: int, steps: int, bits: bool = False) -> Experiment:
    return _plain(task, Tiled(dim=dim, mixers=(mixer,), hidden=0, bits=bits), rows=rows, steps=steps)


def _tiled_text(length: int) -> Text:
    """A fiftieth is held out: these models are wide, and read each of its windows."""
    return Text(length=length, validation=0.02, overlap=0.25, subset_bytes=8192)


def _by_heart(task: Strings, dim: int, *, bits: bool) -> Experiment:
    return _text(dim, TDLN(levels=1, memory=_memory()), task, rows=5, steps=1100, bits=bits)


def _shakespeare(length: int) -> Text:
    return Text(path="card:t8-shakespeare", symbols="characters", lowercase=True, length=length)


def _small_gpt(dim: int, block: Block, depth: int) -> Experiment:
    text = Text(symbols="characters", lowercase=True, length=64, validation=0.02, overlap=0.25, subset_bytes=16384)
    return replace(_gpt(dim, block, depth, text, rows=16, steps=600), updates_per_call=10)


def _gpt_block(mixer: Attention | Window, channel: MLP | ComputeGate, dropout: float = 0.0) -> Block:
    """Layer norm of q and k without weights; Glorot's law at a tenth for queries and keys, and for values."""
    mixer = replace(
        mixer,
        qk_norm=LayerNorm(eps=1e-6, weight=False, bias=False),
        laws=AttentionLaws(qk=Glorot(scale=0.1), v=Glorot(scale=0.1)),
    )
    return Block(mixer=mixer, channel=channel, norm=RMSNorm(weight=False), dropout=dropout)


def _gpt(dim: int, block: Block, depth: int, task: Text, *, rows: int, steps: int) -> Experiment:
    """No norm before the head, which begins as the embedding; the stream is added once."""
    model = LM(
        dim=dim,
        layers=(block,) * depth,
        norm=None,
        tied=False,
        head_from_embedding=True,
        position="learned",
        init=Glorot(),
        embedding_init=LeCun(scale=0.03),
        positions_init=Glorot(),
        depth_scaled=False,
    )
    return Experiment(
        task=task,
        model=model,
        optim=AdamW(lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1),
        schedule=Cosine(warmup_steps=min(100, steps // 10), min_ratio=0.1, steps=max(5000, steps)),
        batch=Batching(size=rows),
        budget=Budget(steps=steps),
    )
