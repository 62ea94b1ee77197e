from models.lama.config import FourierUNet, InpaintingNetwork, Lama, build_inpainter

__all__ = ["FourierUNet", "InpaintingNetwork", "Lama", "build_inpainter"]
