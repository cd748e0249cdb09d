"""What llama-server's own template and tokenizer say of prompts, asked over HTTP."""
