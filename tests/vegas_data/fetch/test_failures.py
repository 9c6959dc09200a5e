"""What YouTube and yt-dlp say, and the class that each sentence has."""

import pytest

from vegas_data.errors import (
    BotCheck,
    ExtractorBroken,
    JsRuntimeMissing,
    RateLimited,
    TimedOut,
    TransferFailed,
    Unclassified,
    VideoUnavailable,
)
from vegas_data.fetch.failures import MAX_TEXT, classify, code_of

HINT = (
    "Use --cookies-from-browser or --cookies for the authentication. See  https://github.com/yt-dlp/yt-dlp/wiki/FAQ"
    "#how-do-i-pass-cookies-to-yt-dlp  for how to manually pass cookies"
)
BUG = (
    "; please report this issue on  https://github.com/yt-dlp/yt-dlp/issues?q= , filling out the appropriate issue "
    "template. Confirm you are on the latest version using  yt-dlp -U"
)
EJS = (
    "Some formats may be missing. Ensure you have a supported JavaScript runtime and challenge solver script "
    "distribution installed. Review any warnings presented before this message. For more details, refer to  "
    "https://github.com/yt-dlp/yt-dlp/wiki/EJS"
)
NO_RUNTIME = (
    "[youtube] No supported JavaScript runtime could be found. Only deno is enabled by default; to use another runtime "
    "add  --js-runtimes RUNTIME[:PATH]  to your command/config. YouTube extraction without a JS runtime has been "
    "deprecated, and some formats may be missing."
)
N_FAILED = f"[youtube] abcdefghijk: n challenge solving failed: {EJS}"
IMAGES_ONLY = "Only images are available for download. use --list-formats to see them"
NO_FORMAT = "Requested format is not available. Use --list-formats for a list of available formats"
NO_RESPONSE = f"Failed to extract any player response{BUG}"

TEXTS: dict[str, tuple[str, ...]] = {
    "removed": (
        "Video unavailable. This video has been removed by the uploader",
        "This video has been removed by the user",
        "This video has been removed for violating YouTube's Terms of Service",
        "This video has been removed for violating YouTube's policy on hate speech. Learn more about combating hate "
        "speech in your area.",
        "This video has been removed for violating YouTube's policy on nudity or sexual content",
        "Video unavailable. This video isn't available anymore",
        "Video unavailable. This video is no longer available due to a privacy claim by a third party",
        "This video is no longer available due to a trademark claim by a third party",
        "This video does not exist.",
        "This video was removed because it was too long.",
        "This video is a duplicate of a previously uploaded video.",
        "Video unavailable",
    ),
    "private": (
        f"Private video. Sign in if you've been granted access to this video. {HINT}",
        "This video is private",
        "Video unavailable. This video is private",
        "This is a private video. Please sign in to verify that you may see it.",
        "Sign in if you’ve been granted access to this video",
    ),
    "account_terminated": (
        "This video is no longer available because the YouTube account associated with this video has been terminated.",
        "This video is no longer available because the YouTube account associated with this video has been closed.",
        "The YouTube account associated with this video has been terminated due to multiple third-party notifications "
        "of copyright infringement.",
        "Video unavailable. This video is no longer available because the uploader has closed their YouTube account.",
        "This account has been terminated for a violation of YouTube's Terms of Service.",
    ),
    "region": (
        "The uploader has not made this video available in your country\nThis video is available in Andorra, Belgium.\n"
        "You might want to use a VPN or a proxy server (with --proxy) to workaround.",
        "Video unavailable. This video contains content from UMG, who has blocked it in your country on copyright "
        "grounds",
        "This video is not available in your country",
        "Unfortunately, this video is not available in your country because it could contain music, for which we could "
        "not agree on conditions of use with GEMA.",
        "This video is not available from your location due to geo restriction",
        "This content is not available on this country domain due to a legal complaint from the government.",
    ),
    "copyright": (
        "This video contains content from WMG, who has blocked it on copyright grounds",
        "This video contains content from SME, who has blocked it from display on this website or application",
        "This video is no longer available due to a copyright claim by Some Records",
        "Video unavailable. This video has been removed due to a copyright claim by Some Records",
    ),
    "members_only": (
        "Join this channel to get access to members-only content like this video, and other exclusive perks.",
        "Join this channel from your computer or Android app to get access to members-only content like this video.",
        "This video is available to this channel's members on level: Bonus! (or any higher level). Join this channel "
        "to get access to members-only content and other exclusive perks.",
        "This video is only available to Music Premium members",
        "This video requires payment to watch.",
        "This video is only available for registered users",
    ),
    "age": (
        f"Sign in to confirm your age. This video may be inappropriate for some users. {HINT}",
        "This video is age-restricted and only available on YouTube. Learn more",
        "The following content has been identified by the YouTube community as inappropriate or offensive to some "
        "audiences.",
    ),
    "live": (
        "This live event will begin in 98 minutes.",
        "This live event will begin in a few moments.",
        "Premieres in 6 hours",
        "Premiere will begin shortly",
        "This live stream recording is not available.",
        "This live event has ended.",
        "The channel is not currently live",
    ),
    "bot_check": (
        f"Sign in to confirm you’re not a bot. {HINT}. Also see  https://github.com/yt-dlp/yt-dlp/wiki/Extractors",
        "Sign in to confirm you're not a bot. This helps protect our community. Learn more",
        "Sign in to confirm you\ufffdre not a bot. This helps protect our community. Learn more",
        "Video unavailable. YouTube is requiring a captcha challenge before playback",
        "Our systems have detected unusual traffic from your computer network.",
    ),
    "rate_limited": (
        "Video unavailable. This content isn't available, try again later. The current session has been rate-limited "
        "by YouTube for up to an hour. It is recommended to use `-t sleep` to add a delay between video requests to "
        "avoid exceeding the rate limit.",
        "Video unavailable. This content isn’t available, try again later.",
        "Video unavailable. This content isn’t available.",
        "Unable to download API page: HTTP Error 429: Too Many Requests (caused by <HTTPError 429: Too Many Requests>)",
        "All player responses are invalid. Your IP is likely being blocked by Youtube",
        "We have been receiving a large volume of requests from your network.",
    ),
    "js_runtime_missing": (NO_RUNTIME,),
    "extractor_broken": (
        NO_RESPONSE,
        f"Unable to extract yt initial data{BUG}",
        f"Unable to extract Initial JS player n function name{BUG}",
        f"No video formats found!{BUG}",
        f"An extractor error has occurred. (caused by KeyError('videoDetails')){BUG}",
        f"Cannot identify player 'https://www.youtube.com/s/player/x/base.js'{BUG}",
        f"Failed to parse JSON (caused by JSONDecodeError(\"Expecting value in '': line 1 column 1 (char 0)\")){BUG}",
        N_FAILED,
        f"abcdefghijk: Signature solving failed: {EJS}",
        "nsig extraction failed: Some formats may be missing",
        "Remote component challenge solver script (deno) was skipped. It may be required to solve JS challenges.",
        "The following content is not available on this app.. Watch on the latest version of YouTube.",
        "The page needs to be reloaded.. The page needs to be reloaded.",
        "Video unavailable. Playback on other websites has been disabled by the video owner",
        "Unable to download API page: HTTP Error 400: Bad Request (caused by <HTTPError 400: Bad Request>)",
        "YouTube said: ERROR - Precondition check failed.",
        "YouTube said: ERROR - Request contains an invalid argument.",
        "Some web client https formats have been skipped as they are missing a URL. YouTube is forcing SABR streaming",
        "No suitable extractor found for URL https://example.org/x",
        "Unsupported URL: https://www.youtube.com/x",
    ),
    "transfer_failed": (
        "unable to download video data: HTTP Error 403: Forbidden",
        "Unable to download webpage: HTTP Error 503: Service Unavailable (caused by <HTTPError 503>)",
        "Unable to download API page: HTTP Error 404: Not Found (caused by <HTTPError 404: Not Found>)",
        "Unable to download webpage: <urlopen error [Errno -2] Name or service not known> (caused by TransportError())",
        "Unable to download API page: [Errno 104] Connection reset by peer",
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate",
        "('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))",
        "Unable to download API page: HTTP Error 503: Service no longer available (caused by <HTTPError 503>)",
        "Unable to download webpage: HTTP Error 403: Private video",
        "Unable to download webpage: <urlopen error Tunnel connection failed: 403 Not available in your country>",
        "('Unable to connect to proxy', OSError('Tunnel connection failed: 403 Account has been terminated'))",
        "A network error has occurred. (caused by <IncompleteRead: 12 bytes read, 90 more expected>)",
        "YouTube said: An unknown error has occurred.",
        "An error occurred. Please try again later. (Playback ID: x)",
    ),
    "timed_out": (
        "Unable to download webpage: The read operation timed out (caused by TransportError('...'))",
        "HTTPSConnectionPool(host='www.youtube.com', port=443): Read timed out. (read timeout=20.0)",
        "Connection to www.youtube.com timed out. (connect timeout=20.0)",
    ),
    "format_missing": (NO_FORMAT, IMAGES_ONLY, "This video is DRM protected"),
    "unclassified": (
        # YouTube says this of videos that are gone and of videos that other countries can see
        "Video unavailable. This video is not available",
        "This video is unavailable.",
        "Ce contenu n'est pas disponible",
        "Эта функция недоступна",
        "Something that nobody ever said",
        "",
    ),
}
CLASSES = {
    "bot_check": BotCheck,
    "rate_limited": RateLimited,
    "timed_out": TimedOut,
    "transfer_failed": TransferFailed,
    "js_runtime_missing": JsRuntimeMissing,
    "extractor_broken": ExtractorBroken,
    "unclassified": Unclassified,
}


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in TEXTS.items() for text in texts])
def test_every_sentence_has_its_class(code: str, text: str) -> None:
    for speaker in ("", "ERROR: [youtube] abcdefghijk: ", "ERROR: [youtube] -bcdefg_ijk: ", "[youtube] "):
        error = classify(speaker + text)
        assert (error.code, type(error)) == (code, CLASSES.get(code, VideoUnavailable))
        assert code_of(speaker + text) == code
        assert bool(error.remedy) is (type(error) is not VideoUnavailable)


@pytest.mark.parametrize(
    ("said", "warnings", "code"),
    [
        (NO_FORMAT, (), "format_missing"),
        (NO_FORMAT, (IMAGES_ONLY,), "format_missing"),
        (NO_FORMAT, (N_FAILED, IMAGES_ONLY), "extractor_broken"),
        (NO_FORMAT, (NO_RUNTIME, N_FAILED, IMAGES_ONLY), "js_runtime_missing"),
        (NO_FORMAT, ("[youtube] Unable to download webpage: HTTP Error 503: x",), "format_missing"),
        ("This video is DRM protected", (), "format_missing"),
        (f"No video formats found!{BUG}", (), "extractor_broken"),
        (f"No video formats found!{BUG}", (NO_RUNTIME,), "js_runtime_missing"),
        (NO_RESPONSE, (), "extractor_broken"),
        (NO_RESPONSE, ("[youtube] YouTube said: ERROR - Precondition check failed.",), "extractor_broken"),
        (NO_RESPONSE, ("Unable to download API page: HTTP Error 429: Too Many Requests",), "rate_limited"),
        (NO_RESPONSE, ("Unable to download API page: HTTP Error 502: Bad Gateway",), "transfer_failed"),
        (NO_RESPONSE, ("Unable to download API page: The read operation timed out", NO_RUNTIME), "timed_out"),
        (NO_RESPONSE, (NO_RUNTIME, "Unable to download API page: [Errno 111] Connection refused"), "transfer_failed"),
        # a reason that YouTube gives is not doubted
        ("This video is private", (NO_RUNTIME, N_FAILED), "private"),
        ("Something that nobody ever said", (NO_RUNTIME, "HTTP Error 429"), "unclassified"),
    ],
)
def test_an_error_that_says_little_is_read_together_with_its_warnings(
    said: str, warnings: tuple[str, ...], code: str
) -> None:
    error = classify(said, warnings=warnings)
    assert error.code == code
    if warnings and code_of(said) != code:
        assert said[:20] in str(error), "both are kept"


def test_an_exception_of_the_network_counts_for_more_than_a_complaint() -> None:
    assert classify(NO_RESPONSE, seen="timed_out").code == "timed_out"
    assert classify("never heard", seen="transfer_failed").code == "transfer_failed"
    assert classify("This video is private", seen="transfer_failed").code == "private"


def test_a_broken_extractor_names_the_upgrade_and_what_is_here() -> None:
    error = classify(NO_RESPONSE, tool="yt-dlp 2026.01.02, 99 days old")
    assert error.remedy == "pip install --upgrade yt-dlp yt-dlp-ejs (yt-dlp 2026.01.02, 99 days old is here)"
    assert "pip install deno" in classify(NO_RUNTIME).remedy
    assert "vegas-data doctor" in classify(NO_RUNTIME).remedy
    assert "pip install --upgrade yt-dlp" in classify("unable to download video data: HTTP Error 403: Forbidden").remedy


def test_advice_for_yt_dlps_own_users_is_not_passed_on() -> None:
    for texts in TEXTS.values():
        for text in texts:
            told = str(classify(text))
            for advice in ("VPN", "--cookies", "--list-formats", "report this issue", "-t sleep", "caused by"):
                assert advice not in told


def test_messages_cannot_write_on_the_terminal_and_are_short() -> None:
    told = str(classify("evil \x1b[31m title\nsecond\u202e line " + "x" * 9999))
    assert told.isprintable()
    assert told.startswith("evil  [31m title second")
    assert len(told) == MAX_TEXT
