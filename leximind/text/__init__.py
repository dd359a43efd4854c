"""Text in: sentences, cleaning, language, and documents to plain text."""
