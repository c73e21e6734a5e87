"""The pages, one a file: each takes the lab and a request and answers with what it shows."""
