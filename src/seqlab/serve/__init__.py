"""An HTTP server for one model: the completions of OpenAI's interface, with many texts written together."""
