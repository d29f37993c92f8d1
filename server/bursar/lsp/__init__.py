"""The only room that speaks the language server protocol: methods by family, and what converts to and from it."""
