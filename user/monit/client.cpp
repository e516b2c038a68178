#include "monit/client.h"

#include <curl/curl.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <memory>

#include "monit/status.h"

namespace sockdog::monit {
namespace {

constexpr std::size_t kHeaderLimit = 65536;  // curl 7.88 bounds a line, not their sum

struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;

struct Intake {
    std::string body;
    std::size_t header_bytes = 0;
    bool too_large = false;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& intake = *static_cast<Intake*>(user);
    intake.too_large = intake.body.size() + size > kMostBytes;
    if (intake.too_large) return 0;  // ends the transfer
    intake.body.append(data, size);
    return size;
}

std::size_t take_header(char*, std::size_t, std::size_t size, void* user) {
    auto& intake = *static_cast<Intake*>(user);
    intake.header_bytes += size;
    intake.too_large = intake.header_bytes > kHeaderLimit;
    return intake.too_large ? 0 : size;
}

/// Sets options until one is refused; keeps the first refusal.
class Options {
  public:
    explicit Options(CURL* easy) : easy_(easy) {}
    template <typename T>
    Options& set(CURLoption option, T value) {
        if (code_ == CURLE_OK) code_ = curl_easy_setopt(easy_, option, value);
        return *this;
    }
    [[nodiscard]] CURLcode code() const { return code_; }

  private:
    CURL* easy_;
    CURLcode code_ = CURLE_OK;
};

CURLcode prepare(CURL* easy, const Access& access, long timeout_ms, Intake& intake, char* words) {
    Options options(easy);
    options.set(CURLOPT_ERRORBUFFER, words)
        .set(CURLOPT_PROTOCOLS_STR, "http")
        .set(CURLOPT_FOLLOWLOCATION, 0L)
        .set(CURLOPT_PROXY, "")  // neither http_proxy nor ALL_PROXY of the environment
        .set(CURLOPT_NOSIGNAL, 1L)
        .set(CURLOPT_TIMEOUT_MS, timeout_ms)
        .set(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms)
        .set(CURLOPT_HTTP09_ALLOWED, 0L)
        .set(CURLOPT_USERAGENT, "sockdog-monit")
        .set(CURLOPT_WRITEFUNCTION, take_body)
        .set(CURLOPT_WRITEDATA, &intake)
        .set(CURLOPT_HEADERFUNCTION, take_header)
        .set(CURLOPT_HEADERDATA, &intake);
    if (!access.socket.empty()) options.set(CURLOPT_UNIX_SOCKET_PATH, access.socket.c_str());
    if (!access.user.empty()) {
        options.set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC))
            .set(CURLOPT_USERNAME, access.user.c_str())
            .set(CURLOPT_PASSWORD, access.password.c_str());
    }
    return options.code();
}

std::string place(const Access& access) {
    return access.socket.empty() ? access.url : access.socket;
}

Error unexpected(const Access& access, long status, const std::string& what) {
    const std::string code = " (HTTP " + std::to_string(status) + ")";
    if (status == 401) {
        return make_error("monit at " + place(access) + " refuses " +
                              (access.user.empty() ? "a request without credentials" : "the credentials") +
                              code + ": check remedies.monit.credentials_file",
                          EACCES);
    }
    if (status == 403) {
        return make_error("monit at " + place(access) + " does not allow it" + code +
                              ": a user that is read-only, or a host that it does not allow",
                          EACCES);
    }
    return make_error("monit at " + place(access) + " did not " + what + code, EPROTO);
}

/// monit 5.33 takes any token that stands in the cookie and in the form alike: what another web page makes a
/// browser send has no say over the cookie. Old versions ignore both.
Result<std::string> make_token() {
    std::array<unsigned char, 16> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        return Error::from_errno("make a token");
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string token;
    for (const unsigned char byte : bytes) {
        token += kDigits[byte >> 4];
        token += kDigits[byte & 15];
    }
    return token;
}

}  // namespace

Client::Client(Access access, Duration timeout)
    : access_(std::move(access)), deadline_(std::chrono::steady_clock::now() + timeout) {}

Result<Client::Answer> Client::request(const std::string& path, const std::string& form,
                                       const std::string& cookie) const {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    if (left.count() <= 0)
        return make_error("monit at " + place(access_) + " did not answer in time", ETIMEDOUT);
    // Before the handle, which may use them until it is gone.
    Intake intake;
    std::array<char, CURL_ERROR_SIZE> words{};
    const Easy easy(curl_easy_init());
    if (!easy) return make_error("libcurl cannot be used", ENOMEM);
    auto code = prepare(easy.get(), access_, static_cast<long>(left.count()), intake, words.data());
    const std::string url = access_.url + path;
    Options options(easy.get());
    options.set(CURLOPT_URL, url.c_str());
    if (!form.empty()) options.set(CURLOPT_POSTFIELDS, form.c_str()).set(CURLOPT_COOKIE, cookie.c_str());
    if (code == CURLE_OK) code = options.code();
    if (code == CURLE_OK) code = curl_easy_perform(easy.get());
    if (intake.too_large)
        return make_error("the answer of monit at " + place(access_) + " is too large", EFBIG);
    if (code != CURLE_OK) {
        const std::string why = words[0] != '\0' ? words.data() : curl_easy_strerror(code);
        const int number = code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EIO;
        return make_error("monit at " + place(access_) + " cannot be asked: " + why, number);
    }
    Answer answer;
    answer.body = std::move(intake.body);
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

Result<std::string> Client::status() const {
    auto answer = request("/_status?format=xml", {}, {});
    if (!answer) return answer.error();
    if (answer->status != 200) return unexpected(access_, answer->status, "tell its status");
    return std::move(answer->body);
}

Status Client::restart(const std::string& service) const {
    const auto token = make_token();
    if (!token) return token.error();
    const auto answer =
        request("/" + service, "action=restart&securitytoken=" + *token, "securitytoken=" + *token);
    if (!answer) return answer.error();
    // 5.33 redirects to the page of the service, old versions send it at once.
    if (answer->status == 200 || answer->status == 302) return Ok{};
    return unexpected(access_, answer->status, "accept the restart of " + service);
}

}  // namespace sockdog::monit
