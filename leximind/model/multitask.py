"""Poolings, heads and the task router: one encoder, many answers."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from leximind.errors import ModelError
from leximind.model.checkpoint import Checkpointed
from leximind.model.config import MultiTaskConfig, StackConfig
from leximind.model.seq2seq import Memory, Seq2Seq, initialise
from leximind.model.stack import Block, Stack

# What the selection head can choose for: one sentence, or several that cover the text.
EXTRACTS = ("sentence", "passage")
N_PLACES = 4


def mean_pool(states: Tensor, weights: Tensor) -> Tensor:
    """States (B, T, D) to their mean (B, D) by weights (B, T), such as a mask."""
    weights = weights.to(states.dtype)[..., None]
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


class AttentionPooling(nn.Module):
    """A learned query weighs the tokens (Yang et al., 2016)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.query = nn.Linear(d_model, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, T, D) and mask (B, T) to the pooled (B, D) and the weights (B, T), which sum to 1."""
        scores = self.query(states)[..., 0].float().masked_fill(~mask.bool(), torch.finfo(torch.float32).min)
        weights = scores.softmax(-1)
        return (weights.to(states.dtype)[:, None] @ states)[:, 0], weights


class EmotionHead(nn.Module):
    """Attention pooling, then a two-layer MLP to independent logits."""

    def __init__(self, d_model: int, d_hidden: int, n_labels: int, dropout: float) -> None:
        super().__init__()
        self.pooling = AttentionPooling(d_model)
        self.hidden = nn.Linear(d_model, d_hidden)
        self.out = nn.Linear(d_hidden, n_labels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """States (B, T, D) and mask (B, T) to logits (B, L) and pooling weights (B, T)."""
        pooled, weights = self.pooling(states, mask)
        hidden = F.gelu(self.hidden(self.dropout(pooled)))
        return self.out(self.dropout(hidden)), weights

    def contributions(self, states: Tensor, mask: Tensor, label: int) -> Tensor:
        """What each token adds to one label's logit, to first order, (B, T).

        The pooled vector is a weighted mean, so the logit's change along token t is
        ``weight_t * <d logit / d pooled, state_t - pooled>``: attention weight times direction.
        """
        pooled, weights = self.pooling(states, mask)
        hidden = self.hidden(pooled)
        # The derivative of x * Phi(x), the exact GELU.
        slope = 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        slope = slope + hidden * torch.exp(-hidden.square() / 2) / math.sqrt(2 * math.pi)
        gradient = (slope * self.out.weight[label]) @ self.hidden.weight
        offset = states - pooled[:, None]
        return weights * (offset @ gradient[..., None])[..., 0] * mask  # type: ignore[no-any-return]


class WordWeights(nn.Module):
    """What the words of a text say on their own: linear in tf-idf (Salton and Buckley, 1988).

    A word that the vector space blurs, such as *counterpoint*, still counts. Starts at zero, saying nothing.
    """

    idf: Tensor

    def __init__(self, vocab_size: int, n_labels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n_labels, vocab_size))
        self.bias = nn.Parameter(torch.zeros(n_labels))
        self.register_buffer("idf", torch.zeros(vocab_size))

    def features(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and mask (B, T) to unit vectors (B, V): 1 + log of each count, times its idf."""
        counts = torch.zeros(len(token_ids), len(self.idf), device=token_ids.device)
        counts.scatter_add_(1, token_ids, mask.to(counts.dtype))
        return F.normalize(torch.where(counts > 0, 1 + counts.clamp(min=1).log(), 0) * self.idf, dim=-1)

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Token ids and mask (B, T) to logits (B, L)."""
        return F.linear(self.features(token_ids, mask), self.weight, self.bias)


class TopicHead(nn.Module):
    """Mean pooling and one linear layer, beside the words' own weights where wanted (Cheng et al., 2016)."""

    def __init__(self, d_model: int, n_labels: int, dropout: float, n_words: int) -> None:
        super().__init__()
        self.out = nn.Linear(d_model, n_labels)
        self.dropout = nn.Dropout(dropout)
        self.words = WordWeights(n_words, n_labels) if n_words else None

    def forward(self, states: Tensor, mask: Tensor, token_ids: Tensor) -> Tensor:
        """States (B, T, D), mask and token ids (B, T) to logits (B, L)."""
        logits: Tensor = self.out(self.dropout(mean_pool(states, mask)))
        return logits if self.words is None else logits + self.words(token_ids, mask)


class EmbeddingHead(nn.Module):
    """Mean pooling to unit length (Reimers and Gurevych, 2019), through a projection where wanted.

    Where tokens have weights, rare ones count for more (Arora et al., 2017). Begins as the embedding that the
    encoder came with: all tokens alike, and a projection between equal widths is the identity.
    """

    weights: Tensor | None

    def __init__(self, d_model: int, d_embedding: int, project: bool, n_words: int = 0) -> None:
        super().__init__()
        self.register_buffer("weights", torch.ones(n_words) if n_words else None)
        if project or d_embedding != d_model:
            self.projection = nn.Linear(d_model, d_embedding, bias=False)

    def reset(self) -> None:
        """The projection's first weights."""
        if hasattr(self, "projection") and self.projection.in_features == self.projection.out_features:
            nn.init.eye_(self.projection.weight)

    def pool(self, states: Tensor, mask: Tensor, token_ids: Tensor) -> Tensor:
        """States (B, T, D), mask and token ids (B, T) to their weighted mean (B, D)."""
        return mean_pool(states, mask if self.weights is None else mask * self.weights[token_ids])

    def forward(self, states: Tensor, mask: Tensor, token_ids: Tensor) -> Tensor:
        """States (B, T, D), mask and token ids (B, T) to unit vectors (B, E)."""
        pooled = self.pool(states, mask, token_ids)
        if hasattr(self, "projection"):
            pooled = self.projection(pooled)
        return F.normalize(pooled.float(), dim=-1)


class TokenHead(nn.Module):
    """A label a token, for tagging tasks."""

    def __init__(self, d_model: int, n_labels: int, dropout: float) -> None:
        super().__init__()
        self.out = nn.Linear(d_model, n_labels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor) -> Tensor:
        """States (B, T, D) to logits (B, T, L)."""
        return self.out(self.dropout(states))  # type: ignore[no-any-return]


class ProjectionHead(nn.Module):
    """Two layers to a unit vector, for contrastive training (Chen et al., 2020)."""

    def __init__(self, d_model: int, d_out: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, d_out)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, D) and mask (B, T) to unit vectors (B, d_out)."""
        return F.normalize(self.out(F.gelu(self.hidden(mean_pool(states, mask)))).float(), dim=-1)


class SelectionHead(nn.Module):
    """Which sentences of a text stand for it: a small stack over sentence vectors (Liu and Lapata, 2019).

    Each sentence is seen as its vector, its vector times the text's, and where it stands.
    """

    def __init__(self, d_model: int, config: StackConfig) -> None:
        super().__init__()
        self.project = nn.Linear(2 * d_model + N_PLACES, config.d_model)
        self.stack = Stack(config)
        self.out = nn.Linear(config.d_model, len(EXTRACTS))

    def forward(self, sentences: Tensor, mask: Tensor, places: Tensor) -> Tensor:
        """Scores (B, S, 2), higher for sentences that stand for the text, a column for each of `EXTRACTS`.

        Args:
            sentences: pooled states (B, S, D).
            mask: (B, S) of ones where there is a sentence.
            places: `sentence_places` of each text, (B, S, 4).
        """
        vectors = F.normalize(sentences, dim=-1)
        whole = F.normalize(mean_pool(vectors, mask), dim=-1)[:, None]
        scale = sentences.size(-1) ** 0.5  # coordinates near 1, as the layer expects
        seen = torch.cat((scale * vectors, scale * scale * vectors * whole, places.to(vectors.dtype)), dim=-1)
        return self.out(self.stack(self.project(seen), mask))  # type: ignore[no-any-return]


def sentence_places(lengths: Tensor) -> Tensor:
    """Where the sentences of one text stand, (S, 4), from their lengths in tokens (S,).

    The logarithm of the number, the share of the text before it, its length, and the text's.
    """
    number = torch.arange(len(lengths), dtype=torch.float32)
    lengths = lengths.float()
    before = (lengths.cumsum(0) - lengths) / lengths.sum()
    whole = lengths.sum().log1p().expand(len(lengths)) / 8
    return torch.stack((number.log1p() / 4, before, lengths.log1p() / 4, whole), dim=-1)


class MultiTask(Checkpointed, nn.Module):
    """A sequence-to-sequence backbone with heads on its encoder, and a branch for emotions where wanted."""

    config_type = MultiTaskConfig
    # Off while the encoder still learns emotions itself, before the branch is grown from it.
    uses_branch = True

    def __init__(self, config: MultiTaskConfig) -> None:
        super().__init__()
        self.config = config
        d_model, dropout = config.backbone.encoder.d_model, config.head_dropout
        self.backbone = Seq2Seq(config.backbone)
        vocab_size = config.backbone.vocab_size
        embedding = EmbeddingHead(
            d_model, config.d_embedding, config.project_embedding, config.weigh_tokens * vocab_size
        )
        self.heads = nn.ModuleDict(
            {
                "emotion": EmotionHead(d_model, config.d_emotion, config.n_emotions, dropout),
                "topic": TopicHead(d_model, config.n_topics, dropout, config.topic_words * vocab_size),
                "embedding": embedding,
            }
        )
        # What a text feels like and what it is about pull the upper blocks apart.
        self.emotion_blocks = nn.ModuleList(
            Block(config.backbone.encoder) for _ in range(config.n_emotion_blocks)
        )
        if config.n_token_labels:
            self.heads["token"] = TokenHead(d_model, config.n_token_labels, dropout)
        if config.d_projection:
            self.heads["projection"] = ProjectionHead(d_model, config.d_projection)
        if config.n_selection_layers:
            self.heads["selection"] = SelectionHead(d_model, _selection_stack(config))
        initialise(self.heads)
        initialise(self.emotion_blocks)
        embedding.reset()

    def grow_branch(self) -> None:
        """Start the emotions' branch as a copy of the blocks it stands in for."""
        if n_blocks := len(self.emotion_blocks):
            self.emotion_blocks.load_state_dict(self.backbone.encoder.blocks[-n_blocks:].state_dict())

    def encode(self, token_ids: Tensor, attention_mask: Tensor | None = None, task: str = "") -> Memory:
        """Token ids (B, S) to the states that `task` reads: the emotions' branch's, or the shared ones."""
        blocks = None
        if task == "emotion" and self.emotion_blocks and self.uses_branch:
            blocks = [*self.backbone.encoder.blocks[: -len(self.emotion_blocks)], *self.emotion_blocks]
        return self.backbone.encode(token_ids, attention_mask, blocks)

    def forward(
        self,
        task: str,
        token_ids: Tensor,
        attention_mask: Tensor | None = None,
        decoder_ids: Tensor | None = None,
    ) -> Tensor:
        """Run one task on token ids (B, S).

        Returns:
            ``emotion`` (B, 28) and ``topic`` (B, 7) logits, ``embedding`` and ``projection`` unit vectors
            (B, E), ``token`` logits (B, S, L), ``summarization`` scores (B, T, V).

        Raises:
            ModelError: the model has no such task, or decoder inputs are missing.
        """
        if task == "summarization":
            if decoder_ids is None:
                raise ModelError(
                    "Summarization was asked for without decoder_ids, its decoder inputs (B, T)."
                )
            return self.backbone(token_ids, decoder_ids, attention_mask)  # type: ignore[no-any-return]
        if task not in self.heads:
            tasks = ", ".join([*self.heads, "summarization"])
            raise ModelError(f"No task is called {task!r}; this model has {tasks}.")
        if task == "selection":
            raise ModelError("The selection head scores sentences, not tokens: call it on pooled states.")
        memory = self.encode(token_ids, attention_mask, task)
        head = self.heads[task]
        if task == "token":
            return head(memory.states)  # type: ignore[no-any-return]
        if task in ("topic", "embedding"):
            return head(memory.states, memory.mask, token_ids)  # type: ignore[no-any-return]
        answer = head(memory.states, memory.mask)
        return answer[0] if task == "emotion" else answer  # type: ignore[no-any-return]


def _selection_stack(config: MultiTaskConfig) -> StackConfig:
    width = config.d_selection
    return StackConfig(
        config.n_selection_layers, width, 4, 4, width // 4, 4 * width, norm="layer", norm_eps=1e-5,
        feed_forward="gelu", position="none", bias=True, final_norm=True, dropout=0.1,
    )  # fmt: skip
