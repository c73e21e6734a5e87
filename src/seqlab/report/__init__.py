"""The lab book to hand on: a run, a sweep, a query or a stretch of time as one page, in the form that a reader wants.

`pages` says what stands on a page, out of `sections`; `page` is the page as plain values; `forms` writes it as HTML,
Markdown, LaTeX or CSV. Everything is read from the record: no class of a spec is needed, and no torch.
"""
