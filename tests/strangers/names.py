"""What people call their files, and what shells and file systems let through."""

ORDINARY = (
    "photo.jpg", "photo (1).jpg", "IMG_0001.JPG", "DSC-0001.jpeg", "2024-05-01 12.30.45.jpg",
    "a,b.jpg", "me & you.jpg", "[x].png", "{x}.png", "(x).png", "Ünï.jpg", "Été à la plage.jpg",
    "写真.jpg", "صورة.jpg", "фото.jpg", "😀.jpg", "👨‍👩‍👧.jpg", "it's me.jpg", 'the "best" one.jpg',
    "100%.jpg", "50% off!.jpg", "#1.jpg", "a+b.jpg", "a;b.jpg", "a:b.jpg", "a|b.jpg", "a~b.jpg",
    "~tmp.jpg", "a@2x.png", "$HOME.jpg", "${HOME}.jpg", "${fit.gender}.jpg", "`ls`.jpg", "a\\b.jpg",
    "ends\\", "a^b.jpg", "a<b>.jpg", "a*b.jpg", "what?.jpg", "x=1.jpg", "fit=ok.jpg", "==.jpg",
    "null", "true", "1e3", "007", "-.jpg", "-m.jpg", "--help.jpg", " lead.jpg", "trail.jpg ",
    "tab\tbed.jpg", "two\nlines.jpg", "latin\udce9.jpg", ".hidden.jpg", "a..jpg", "a--b.jpg",
    "'", '"',
)  # fmt: skip
