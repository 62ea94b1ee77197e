from models.lama.config import Lama, build_lama, small

__all__ = ["Lama", "build_lama", "small"]
