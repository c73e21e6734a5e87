"""The server as OpenAI's own client sees it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from serving import Running, running

from seqlab.data.symbols import Bytes
from seqlab.generation.chat import ChatTemplate
from seqlab.generation.generate import generate
from seqlab.generation.sampling import Sampling

GREEDY: dict[str, Any] = {"model": "tiny", "temperature": 0, "prompt": "Hello"}


def client(server: Running, key: str = "none") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0)


def alone(server: Running, prompt: str, count: int) -> str:
    ids = list(generate(server.model, list(prompt.encode()), count, Sampling(temperature=0)))
    return bytes(ids).decode(errors="replace")


def post(server: Running, body: bytes, path: str = "/v1/completions") -> tuple[int, Any]:
    status, data = request(server, "POST", path, body)
    return status, json.loads(data)


def get(server: Running, path: str) -> bytes:
    return request(server, "GET", path)[1]


def request(server: Running, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def eventually(holds: Any) -> bool:
    until = time.monotonic() + 20
    while not (found := holds()) and time.monotonic() < until:
        time.sleep(0.01)
    return bool(found)


def test_a_completion_is_what_the_model_writes_alone(server: Running) -> None:
    answer = client(server).completions.create(**GREEDY, max_tokens=12)
    (choice,) = answer.choices
    assert choice.text == alone(server, "Hello", 12)
    assert choice.finish_reason == "length"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 12)


def test_a_stream_has_the_same_text_and_the_usage_where_it_is_asked_for(server: Running) -> None:
    parts = list(
        client(server).completions.create(**GREEDY, max_tokens=12, stream=True, stream_options={"include_usage": True})
    )
    assert "".join(part.choices[0].text for part in parts if part.choices) == alone(server, "Hello", 12)
    assert [part.choices[0].finish_reason for part in parts if part.choices][-1] == "length"
    assert parts[-1].usage is not None
    assert parts[-1].usage.completion_tokens == 12


def test_fifty_streams_together_are_each_what_they_would_be_alone(server: Running) -> None:
    prompts = [f"text {place}" * (1 + place % 4) for place in range(50)]
    asking = client(server)

    def streamed(prompt: str) -> str:
        told = asking.completions.create(model="tiny", prompt=prompt, max_tokens=8, temperature=0, stream=True)
        return "".join(part.choices[0].text for part in told)

    with ThreadPoolExecutor(50) as pool:
        texts = list(pool.map(streamed, prompts))
    assert texts == [alone(server, prompt, 8) for prompt in prompts]


def test_several_prompts_and_texts_echo_and_stop(server: Running) -> None:
    whole = alone(server, "Hello", 30)
    stop = whole[7:10]
    answer = client(server).completions.create(
        model="tiny", prompt=["Hello", "Bye"], temperature=0, max_tokens=30, n=2, echo=True, stop=[stop, "\0\1\2\3"]
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.choices[0].text == "Hello" + whole[: whole.index(stop)]
    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[1].text == answer.choices[0].text
    assert answer.choices[2].text.startswith("Bye")


def test_a_seed_repeats_and_none_does_not(server: Running) -> None:
    def drawn(**seed: int) -> str:
        return client(server).completions.create(model="tiny", prompt="a", max_tokens=20, **seed).choices[0].text  # type: ignore[call-overload,no-any-return]

    assert drawn(seed=4) == drawn(seed=4)
    assert drawn() != drawn()


def test_log_probabilities_of_symbols(server: Running) -> None:
    answer = client(server).completions.create(**GREEDY, max_tokens=4, logprobs=2)
    told = answer.choices[0].logprobs
    assert told is not None
    assert told.token_logprobs is not None
    assert told.top_logprobs is not None
    assert len(told.tokens or []) == len(told.token_logprobs) == 4
    assert [max(best.values()) for best in told.top_logprobs] == told.token_logprobs


def test_a_base_model_has_no_chat(server: Running) -> None:
    with pytest.raises(openai.BadRequestError, match="no chat template: it is a base model; use /v1/completions"):
        client(server).chat.completions.create(model="tiny", messages=[{"role": "user", "content": "Hi"}])


def test_a_chat_follows_its_template() -> None:
    template = ChatTemplate(
        "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<assistant>", {}
    )
    messages: Any = [{"role": "user", "content": "Hi"}]
    with running(template=template) as server:
        chat = client(server).chat.completions
        answer = chat.create(model="tiny", messages=messages, temperature=0, max_tokens=9, logprobs=True)
        text = alone(server, "<user>Hi<assistant>", 9)
        assert answer.choices[0].message.content == text
        assert answer.choices[0].logprobs is not None
        parts = chat.create(model="tiny", messages=messages, temperature=0, max_tokens=9, stream=True)
        assert "".join(part.choices[0].delta.content or "" for part in parts) == text


def test_models_health_and_metrics(server: Running) -> None:
    assert [model.id for model in client(server).models.list()] == ["tiny"]
    assert json.loads(get(server, "/health"))["status"] == "ok"
    client(server).completions.create(**GREEDY, max_tokens=3)
    numbers = get(server, "/metrics").decode()
    assert 'seqlab_answers_total{path="/v1/completions",status="200"}' in numbers
    assert "seqlab_first_symbol_seconds_bucket" in numbers
    assert "seqlab_waiting 0" in numbers


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"{", 400, "the body is no JSON"),
        (b"\xff\xfe", 400, "the body is no JSON"),
        (b"[" * 100_000, 400, "the body is no JSON"),
        (b"[1]", 400, "the body does not fit"),
        (b"{}", 400, "`prompt` does not fit: Field required."),
        (b'{"prompt": ""}', 400, "`prompt` is empty"),
        (b'{"prompt": []}', 400, "`prompt` is empty"),
        (b'{"prompt": [300]}', 400, "there is no symbol 300: tiny knows 0 to 255."),
        (b'{"prompt": "a", "max_tokens": 0}', 400, "`max_tokens` does not fit"),
        (b'{"prompt": "a", "max_tokens": 100000}', 400, "this server writes at most 4,096"),
        (b'{"prompt": "a", "temperature": -1}', 400, "`temperature` does not fit"),
        (b'{"prompt": "a", "temperature": NaN}', 400, "`temperature` does not fit"),
        (b'{"prompt": "a", "top_p": 2}', 400, "`top_p` does not fit"),
        (b'{"prompt": "a", "presence_penalty": 1}', 400, "`presence_penalty` does not fit"),
        (b'{"prompt": "a", "colour": 1}', 400, "there is no field `colour` here."),
        (b'{"prompt": "a", "stop": [""]}', 400, "`stop` does not fit"),
        (b'{"prompt": "a", "echo": true, "logprobs": 1}', 400, "ask for one of them"),
        (b'{"prompt": "a", "model": "gpt"}', 404, "there is no model 'gpt' here; this server has 'tiny'."),
        (b'{"prompt": "\\ud800"}', 400, "the prompt cannot be read"),
    ],
)
def test_what_cannot_be_asked_for_is_one_sentence(server: Running, body: bytes, status: int, told: str) -> None:
    found, answer = post(server, body)
    assert (found, told in answer["error"]["message"]) == (status, True), answer


def test_paths_that_are_none(server: Running) -> None:
    status, answer = post(server, b"{}", "/v1/embeddings")
    assert (status, "there is nothing under POST /v1/embeddings" in answer["error"]["message"]) == (404, True)


def test_a_body_of_100_mb_is_refused_unread(server: Running) -> None:
    with socket.create_connection(urlsplit(server.url).netloc.split(":")) as connection:  # type: ignore[arg-type]
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        assert connection.recv(15).startswith(b"HTTP/1.1 413")


def test_a_body_without_a_length_is_read_no_further_than_it_may(server: Running) -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with socket.create_connection(urlsplit(server.url).netloc.split(":")) as connection:  # type: ignore[arg-type]
        connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            connection.sendall(piece)
        assert connection.recv(15).startswith(b"HTTP/1.1 413")


def test_a_key_is_asked_for(server: Running) -> None:
    with running(key="secret") as locked:
        with pytest.raises(openai.AuthenticationError, match="this server needs its key"):
            client(locked, "wrong").completions.create(**GREEDY)
        assert client(locked, "secret").completions.create(**GREEDY, max_tokens=2).choices[0].text
        assert json.loads(get(locked, "/health"))["status"] == "ok"


def test_who_goes_away_is_written_for_no_more(server: Running) -> None:
    body = json.dumps({"prompt": "a", "max_tokens": 4000, "stream": True}).encode()
    whole = json.dumps({"prompt": "a", "max_tokens": 4000}).encode()
    for sent in (body, whole):
        connection = socket.create_connection(urlsplit(server.url).netloc.split(":"))  # type: ignore[arg-type]
        head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(sent)}\r\n\r\n"
        connection.sendall(head.encode() + sent)
        assert eventually(lambda: server.engine.counts()[0])
        connection.close()
        assert eventually(lambda: server.engine.counts() == (0, 0))
    assert client(server).completions.create(**GREEDY, max_tokens=2).choices[0].text


def test_too_many_are_told_to_come_again_and_one_client_does_not_keep_out_another() -> None:
    with running(rows=1, line=2) as server:
        waiting = [client(server).completions.create(**GREEDY, max_tokens=3000, stream=True) for _ in range(3)]
        assert eventually(lambda: server.engine.counts() == (1, 2))
        with pytest.raises(openai.RateLimitError, match="2 requests wait already; try again later"):
            client(server).completions.create(**GREEDY)
        for stream in waiting:
            stream.close()
        assert eventually(lambda: server.engine.counts() == (0, 0))


def test_a_model_that_fails_is_an_answer_and_the_server_goes_on(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(server.model, "step", lambda *given: 1 / 0)
        with pytest.raises(openai.InternalServerError, match="the model could not write this: ZeroDivisionError"):
            client(server).completions.create(**GREEDY)
        with pytest.raises(openai.APIError, match="the model could not write this"):
            list(client(server).completions.create(**GREEDY, stream=True))
    assert client(server).completions.create(**GREEDY, max_tokens=2).choices[0].text
    capsys.readouterr()


def test_a_fault_of_the_server_is_an_answer_too(
    server: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("seqlab.serve.app.usage", lambda *given: 1 / 0)
    status, answer = post(server, json.dumps({"prompt": "a"}).encode())
    assert (status, "a fault of the server's own (ZeroDivisionError)" in answer["error"]["message"]) == (500, True)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_without_a_tokenizer_symbols_go_in_and_out() -> None:
    with running(symbols=None) as server:
        _, answer = post(server, json.dumps({"prompt": [5, 9], "max_tokens": 3, "temperature": 0}).encode())
        ids = list(generate(server.model, [5, 9], 3, Sampling(temperature=0)))
        assert (answer["choices"][0]["ids"], answer["choices"][0]["text"]) == (ids, "".join(f"{one} " for one in ids))
        status, answer = post(server, b'{"prompt": "a"}')
        assert (status, "has no tokenizer" in answer["error"]["message"]) == (400, True)


def test_a_text_ends_with_its_end_symbol_which_is_no_part_of_it(server: Running) -> None:
    text = list(generate(server.model, list(b"Hello"), 8, Sampling(temperature=0)))
    with running(symbols=Bytes(), ends=frozenset({text[5]})) as ending:
        answer = client(ending).completions.create(**GREEDY, max_tokens=20)
        assert answer.choices[0].finish_reason == "stop"
        assert len(answer.choices[0].text.encode()) <= 3 * text.index(text[5])
        further = client(ending).completions.create(**GREEDY, max_tokens=8, extra_body={"ignore_eos": True})
        assert further.choices[0].finish_reason == "length"
