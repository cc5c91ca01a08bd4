"""Shops: stores over Vietnam, categories with their prices, and what a help desk calls a case."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Store:
    """A store; `share` is its part of the customers."""

    code: str
    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Category:
    """A category; `price` is what a line of it costs against the average of 1."""

    name: str
    share: float
    price: float


STORES: Final = (
    Store("sgn-1", "Nguyễn Huệ, TP. Hồ Chí Minh", 18),
    Store("sgn-2", "Phan Xích Long, TP. Hồ Chí Minh", 12),
    Store("sgn-3", "Nguyễn Văn Linh, TP. Hồ Chí Minh", 9),
    Store("han-1", "Tràng Tiền, Hà Nội", 15),
    Store("han-2", "Cầu Giấy, Hà Nội", 11),
    Store("dad-1", "Bạch Đằng, Đà Nẵng", 9),
    Store("hph-1", "Lạch Tray, Hải Phòng", 6),
    Store("vca-1", "Ninh Kiều, Cần Thơ", 6),
    Store("cxr-1", "Trần Phú, Nha Trang", 4),
    Store("hui-1", "Hùng Vương, Huế", 4),
    Store("dli-1", "Hòa Bình, Đà Lạt", 3),
    Store("bmv-1", "Quang Trung, Buôn Ma Thuột", 3),
)
CATEGORIES: Final = (
    Category("thuc-pham", 26, 0.5),
    Category("thoi-trang", 20, 1.0),
    Category("my-pham", 15, 1.1),
    Category("me-va-be", 11, 0.9),
    Category("nha-cua", 10, 1.2),
    Category("the-thao", 7, 1.3),
    Category("dien-gia-dung", 6, 3.0),
    Category("sach", 3, 0.4),
    Category("gift-cards", 2, 1.0),
)
CASE_TOPICS: Final = ("delivery", "quality", "payment", "warranty", "account", "return")
"""What cases are about; the first two are what goes wrong with an order."""
PREFERENCES: Final = ("coffee", "cinema", "spa", "books", "travel", "food", "fashion")
PARTNERS: Final = ("san-a", "san-b")
VND_STEP: Final = 1_000  # prices are whole thousands of đồng
