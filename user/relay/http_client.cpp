#include "relay/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <mutex>

namespace sockdog {
namespace {

constexpr std::size_t kExcerptBytes = 256;   // enough for a receiver's one-line complaint
constexpr std::size_t kBodyLimit = 4096;     // more is not read: the status line is the answer
constexpr std::size_t kHeaderLimit = 65536;  // curl 7.88 bounds a line, not their sum
constexpr Duration kLongestTimeout = 1h;     // far from where a long in milliseconds ends

struct EasyDeleter {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Easy = std::unique_ptr<CURL, EasyDeleter>;
using Multi = std::unique_ptr<CURLM, MultiDeleter>;
using List = std::unique_ptr<curl_slist, ListDeleter>;

/// What the callbacks gather during one transfer.
struct Intake {
    std::string excerpt;
    std::size_t body_bytes = 0;
    std::size_t header_bytes = 0;
};

std::size_t take_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& intake = *static_cast<Intake*>(user);
    intake.excerpt.append(data, std::min(size, kExcerptBytes - intake.excerpt.size()));
    intake.body_bytes += size;
    return intake.body_bytes > kBodyLimit ? 0 : size;  // 0 ends the transfer
}

std::size_t take_header(char*, std::size_t, std::size_t size, void* user) {
    auto& intake = *static_cast<Intake*>(user);
    intake.header_bytes += size;
    return intake.header_bytes > kHeaderLimit ? 0 : size;
}

List make_list(const std::vector<std::string>& lines) {
    List list;
    for (const std::string& line : lines) {
        curl_slist* longer = curl_slist_append(list.get(), line.c_str());
        if (longer == nullptr) return nullptr;
        (void)list.release();
        list.reset(longer);
    }
    return list;
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

CURLcode prepare(CURL* easy, const HttpRequest& request, curl_slist* headers, Intake& intake, char* words) {
    const auto timeout =
        std::clamp<Duration>(request.timeout, 1ms, kLongestTimeout);  // 0 would mean "for ever"
    const long timeout_ms = static_cast<long>(std::chrono::ceil<std::chrono::milliseconds>(timeout).count());
    Options options(easy);
    options.set(CURLOPT_ERRORBUFFER, words)
        .set(CURLOPT_URL, request.url.c_str())
        .set(CURLOPT_PROTOCOLS_STR, "http,https")
        .set(CURLOPT_FOLLOWLOCATION, 0L)
        .set(CURLOPT_PROXY, "")  // neither http_proxy nor ALL_PROXY of the environment
        .set(CURLOPT_SSL_VERIFYPEER, 1L)
        .set(CURLOPT_SSL_VERIFYHOST, 2L)
        .set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2))
        .set(CURLOPT_NOSIGNAL, 1L)
        .set(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms)
        .set(CURLOPT_TIMEOUT_MS, timeout_ms)
        .set(CURLOPT_FORBID_REUSE, 1L)
        .set(CURLOPT_USERAGENT, request.user_agent.c_str())
        .set(CURLOPT_HTTPHEADER, headers)
        .set(CURLOPT_POST, 1L)
        .set(CURLOPT_POSTFIELDS, request.body.data())
        .set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()))
        .set(CURLOPT_WRITEFUNCTION, &take_body)
        .set(CURLOPT_WRITEDATA, &intake)
        .set(CURLOPT_HEADERFUNCTION, &take_header)
        .set(CURLOPT_HEADERDATA, &intake);
    // The system's CApath stays: the file is one anchor more, where curl was built with such a folder
    // (Debian).
    if (!request.credentials.empty())
        options.set(CURLOPT_HTTPAUTH, CURLAUTH_BASIC).set(CURLOPT_USERPWD, request.credentials.c_str());
    if (!request.ca_file.empty()) options.set(CURLOPT_CAINFO, request.ca_file.c_str());
    return options.code();
}

/// Until the transfer ends; CURLE_ABORTED_BY_CALLBACK when `stop` ended it.
CURLcode transfer(CURLM* multi, const std::atomic<bool>& stop) {
    int running = 1;
    while (!stop) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
        if (running == 0) break;
        // Wakes for the sockets, curl's own timers and interrupt(); the second is only a bound.
        if (curl_multi_poll(multi, nullptr, 0, 1000, nullptr) != CURLM_OK) return CURLE_FAILED_INIT;
    }
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
        if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    return CURLE_ABORTED_BY_CALLBACK;
}

bool about_certificate(CURLcode code) {
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
           code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS;
}

HttpAnswer read_answer(CURL* easy, CURLcode code, Intake intake, const char* words) {
    HttpAnswer answer;
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    answer.status = status >= 200 ? static_cast<int>(status) : 0;  // 1xx only: the answer proper never came
    curl_off_t seconds = 0;
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);  // of either form, seconds or a date
    if (seconds > 0) answer.retry_after = std::chrono::seconds(std::min<curl_off_t>(seconds, 86400 * 365));
    answer.excerpt = std::move(intake.excerpt);
    answer.certificate_refused = about_certificate(code);
    if (code != CURLE_OK) answer.error = *words != '\0' ? words : curl_easy_strerror(code);
    if (code == CURLE_OK && answer.status == 0) answer.error = "no status in the answer";
    return answer;
}

}  // namespace

struct HttpClient::Impl {
    Multi multi;
    std::atomic<bool> stop = false;
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::create() {
    static std::once_flag once;
    static CURLcode started = CURLE_OK;
    std::call_once(once, [] { started = curl_global_init(CURL_GLOBAL_DEFAULT); });
    if (started != CURLE_OK) return make_error(std::string("libcurl: ") + curl_easy_strerror(started));
    auto impl = std::make_unique<Impl>();
    impl->multi.reset(curl_multi_init());
    if (!impl->multi) return make_error("libcurl: no multi handle", ENOMEM);
    return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

HttpAnswer HttpClient::post(const HttpRequest& request) {
    HttpAnswer failed;
    failed.interrupted = impl_->stop;
    failed.error = failed.interrupted ? "interrupted" : "libcurl: out of memory";
    const Easy easy(curl_easy_init());
    const List headers = make_list(request.headers);
    if (failed.interrupted || !easy || (!headers && !request.headers.empty())) return failed;

    Intake intake;
    std::array<char, CURL_ERROR_SIZE> words{};
    CURLcode code = prepare(easy.get(), request, headers.get(), intake, words.data());
    if (code != CURLE_OK || curl_multi_add_handle(impl_->multi.get(), easy.get()) != CURLM_OK) {
        failed.error =
            std::string("libcurl: ") + curl_easy_strerror(code == CURLE_OK ? CURLE_FAILED_INIT : code);
        return failed;
    }
    code = transfer(impl_->multi.get(), impl_->stop);
    // Without this an interrupted name look-up would be waited for, as long as the resolver pleases.
    if (code == CURLE_ABORTED_BY_CALLBACK) curl_easy_setopt(easy.get(), CURLOPT_QUICK_EXIT, 1L);
    HttpAnswer answer = read_answer(easy.get(), code, std::move(intake), words.data());
    curl_multi_remove_handle(impl_->multi.get(), easy.get());
    answer.interrupted = code == CURLE_ABORTED_BY_CALLBACK && answer.status == 0;
    if (answer.interrupted) answer.error = "interrupted";
    return answer;
}

void HttpClient::interrupt() {
    impl_->stop = true;
    curl_multi_wakeup(impl_->multi.get());
}

Status check_url(const std::string& url) {
    for (const char c : url) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') {
            return make_error("url holds a space or control character", EINVAL);
        }
    }
    const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> parts(curl_url(), curl_url_cleanup);
    if (!parts) return make_error("libcurl: out of memory", ENOMEM);
    const CURLUcode code = curl_url_set(parts.get(), CURLUPART_URL, url.c_str(), 0);
    if (code != CURLUE_OK) return make_error(std::string("bad url: ") + curl_url_strerror(code), EINVAL);
    char* scheme = nullptr;
    if (curl_url_get(parts.get(), CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK) {
        return make_error("bad url: no scheme", EINVAL);
    }
    const std::unique_ptr<char, decltype(&curl_free)> freed(scheme, curl_free);
    if (std::strcmp(scheme, "http") != 0 && std::strcmp(scheme, "https") != 0) {
        return make_error(std::string("url scheme is ") + scheme + "; http and https are known", EINVAL);
    }
    return Ok{};
}

}  // namespace sockdog
