"""Files of p-diff (`data.pt`, folders of `.pth`), read and written; safetensors of whole models."""
