"""The lab book in a browser: pages made from the record, and what is written from them. Without torch."""
