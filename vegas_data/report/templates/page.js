// One player at a time. A line runs over the tracks of what plays; a click on a track moves its player there.
document.addEventListener(
  "play",
  (event) => {
    for (const other of document.querySelectorAll("video")) if (other !== event.target) other.pause();
  },
  true,
);
for (const article of document.querySelectorAll(".timeline")) {
  const videos = [...article.querySelectorAll("video")];
  if (!videos.length) continue;
  const seconds = Number(article.dataset.seconds);
  const space = article.querySelector(".cursor-space");
  const cursor = article.querySelector(".cursor");
  const takes = [...article.querySelectorAll(".take[data-name]")];
  const now = article.querySelector(".now b");
  let video = videos[0];

  // Of several films, each with another sound, the chosen one is seen and heard.
  const choose = (name) => {
    const before = video;
    video = videos.find((other) => other.dataset.name === name) ?? before;
    if (video !== before) {
      video.currentTime = before.ended ? 0 : before.currentTime;
      before.pause();
    }
    for (const other of videos) other.hidden = other !== video;
    if (now && now.textContent !== video.dataset.name) now.textContent = video.dataset.name;
    for (const take of takes) take.classList.toggle("chosen", take.dataset.name === video.dataset.name);
  };
  const play = () => video.play().catch(() => {}); // a pause that comes before the first picture is no error
  const draw = () => {
    cursor.style.left = `${Math.min(100, (100 * video.currentTime) / seconds)}%`;
    if (!video.paused) requestAnimationFrame(draw);
  };
  for (const one of videos) {
    for (const event of ["play", "pause", "ended", "seeked", "timeupdate"]) {
      one.addEventListener(event, () => {
        const button = takes.find((take) => take.dataset.name === one.dataset.name)?.querySelector("button");
        button?.setAttribute("aria-pressed", String(!one.paused && !one.ended));
        if (one !== video) return;
        if (event !== "pause") article.classList.add("started");
        draw();
      });
    }
  }
  for (const take of takes) {
    take.querySelector("button").addEventListener("click", () => {
      const playing = video.dataset.name === take.dataset.name && !video.paused;
      choose(take.dataset.name);
      if (playing) video.pause();
      else play();
    });
  }
  article.querySelector(".tracks").addEventListener("click", (event) => {
    const box = space.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    if (event.target.closest("button") || share < 0 || share > 1) return;
    const playing = !video.paused;
    choose(event.target.closest(".take")?.dataset.name);
    video.currentTime = share * seconds;
    if (playing) play();
  });
  choose(video.dataset.name);
}
