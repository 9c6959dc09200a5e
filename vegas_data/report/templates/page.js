// A line runs over each clip's tracks with its player; a click on the tracks moves the player there.
for (const article of document.querySelectorAll(".timeline")) {
  const video = article.querySelector("video");
  if (!video) continue;
  const seconds = Number(article.dataset.seconds);
  const space = article.querySelector(".cursor-space");
  const cursor = article.querySelector(".cursor");
  const draw = () => {
    cursor.style.left = `${Math.min(100, (100 * video.currentTime) / seconds)}%`;
    if (!video.paused) requestAnimationFrame(draw);
  };
  for (const event of ["play", "seeked", "timeupdate"]) {
    video.addEventListener(event, () => {
      article.classList.add("started");
      draw();
    });
  }
  article.querySelector(".tracks").addEventListener("click", (event) => {
    const box = space.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    if (share >= 0 && share <= 1) video.currentTime = share * seconds;
  });
}
