"""Files of p-diff (`data.pt`, folders of `.pth`), read and written; safetensors of models; LaMa's checkpoints."""
