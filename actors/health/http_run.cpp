// HTTP and HTTPS checks: one request, redirects followed by Go's rules (at most ten; 301, 302 and 303 turn into GET).
#include "actors/health/stream.hpp"
#include "actors/health/tls_contexts.hpp"
#include "runtime/base/json_writer.hpp"
#include "runtime/base/quote.hpp"
#include "runtime/net/url.hpp"
#include <algorithm>

namespace actord::health {

namespace {

bool named(const std::string& a, std::string_view lower) {
  return a.size() == lower.size() && std::ranges::equal(a, lower, [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x | 0x20 : x) == y; });
}

class http_run final : public check_run {
public:
  http_run(run_context& context, std::shared_ptr<const check_registration> check, done_function done)
      : context_(context), check_(std::move(check)), done_(std::move(done)), body_(output_cap(*check_, context.output_cap)) {}
  ~http_run() override { abort(); }

  void start() override {
    method_ = check_->method.empty() ? "GET" : check_->method;
    for (char& c : method_) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    first_method_ = method_;
    send_body_ = !check_->body.empty();
    auto page = net::parse_url(check_->http);
    if (!page) return say(critical(page.err().text));
    page_ = std::move(*page);
    shown_ = page_.text();
    auto url = net::http_url_of(page_);
    if (!url) return say(http_failure(method_, shown_, url.err().text));
    url_ = first_url_ = std::move(*url);
    timer_ = context_.loop->call_after(check_pace(*check_).timeout(), [this] {
      timer_ = 0;
      if (exchange_ && exchange_->headers_done()) return judge(); // the status line counts, what is missing of the body does not
      say(http_failure(method_, shown_, "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"));
    });
    connect();
  }

  void abort() override {
    done_ = nullptr;
    context_.loop->cancel(std::exchange(timer_, 0));
    drop_connection();
  }

private:
  void drop_connection() {
    if (dialler_) dialler_->abort();
    if (stream_) {
      stream_->close();
      context_.loop->retire(std::move(stream_)); // it may be what calls us
    }
    stream_.reset();
    dialler_.reset();
  }

  void connect() {
    dialler_ = std::make_shared<dialler>(context_, [this](result<int> fd) {
      if (!fd) return say(http_failure(method_, shown_, fd.err().text));
      connected(*fd);
    });
    auto keep = dialler_;
    keep->dial(url_.host, url_.port);
  }

  void connected(int fd) {
    auto request = net::encode_request(make_request());
    if (!request) {
      ::close(fd);
      return say(http_failure(method_, shown_, request.err().text));
    }
    net::http_exchange_options options;
    options.no_body = method_ == "HEAD";
    options.on_body = [this](std::string_view bytes) {
      body_.write(bytes);
      return true;
    };
    body_ = tail_buffer(output_cap(*check_, context_.output_cap));
    exchange_.emplace(std::move(options));
    stream_ = std::make_shared<stream>(*context_.loop, fd,
                                       stream::callbacks{[this](std::string_view bytes) { received(bytes); }, [this](std::string why) { ended(why); }});
    SSL_CTX* tls = nullptr;
    if (url_.scheme == "https") {
      auto made = context_.tls->get();
      if (!made) return say(http_failure(method_, shown_, made.err().text));
      tls_ = std::move(*made);
      tls = tls_.get();
    }
    auto keep = stream_;
    if (auto s = keep->start(tls, url_.host, false, !check_->tls_skip_verify); !s) return say(http_failure(method_, shown_, s.err().text));
    keep->send(std::move(*request));
  }

  net::http_request make_request() const {
    net::http_request r;
    r.method = method_;
    r.host = url_.authority();
    r.target = url_.target;
    r.close = true;
    bool agent = false, accept = false, authorization = false;
    for (auto& [name, values] : check_->header) {
      if (named(name, "host")) {
        if (!values.empty() && keeps_host_) r.host = values.front();
        continue;
      }
      const bool credentials = named(name, "authorization") || named(name, "cookie") || named(name, "cookie2") || named(name, "www-authenticate");
      if (credentials && !net::keeps_credentials(first_url_, url_)) continue;
      agent |= named(name, "user-agent");
      accept |= named(name, "accept");
      authorization |= named(name, "authorization");
      for (auto& v : values) r.headers.push_back({name, v});
    }
    if (!agent) r.headers.push_back({"User-Agent", "Consul Health Check"});
    if (!accept) r.headers.push_back({"Accept", "text/plain, text/*, */*"});
    if (!authorization && !url_.user_info.empty()) {
      std::string encoded;
      append_base64(encoded, url_.user_info);
      r.headers.push_back({"Authorization", "Basic " + encoded});
    }
    if (!referer_.empty()) r.headers.push_back({"Referer", referer_});
    if (send_body_) r.body = check_->body;
    return r;
  }

  void received(std::string_view bytes) {
    if (!exchange_) return;
    auto used = exchange_->feed(bytes);
    if (!used && !exchange_->headers_done()) return say(http_failure(method_, shown_, "net/http: HTTP/1.x transport connection broken: malformed HTTP response"));
    if (!used || exchange_->done()) answered();
  }

  void ended(const std::string& why) {
    if (!exchange_) return;
    if (why.empty()) (void)exchange_->finish();
    if (exchange_->headers_done()) return answered();
    say(http_failure(method_, shown_, why.empty() ? "EOF" : why));
  }

  void answered() {
    const int code = exchange_->status_code();
    const auto way = net::redirect_of(code);
    const std::string location(exchange_->header("Location"));
    if (way == net::redirect::none || (way == net::redirect::same_method && location.empty())) return judge();
    if (location.empty()) return say(http_failure(method_, shown_, std::to_string(code) + " response missing Location header"));
    auto next = net::resolve_reference(page_, location);
    if (!next) return say(http_failure(method_, shown_, "failed to parse Location header " + quote(location) + ": " + next.err().text));
    if (way == net::redirect::as_get && method_ != "HEAD") {
      method_ = "GET";
      send_body_ = false;
    }
    shown_ = location;
    if (++redirects_ >= net::max_redirects) return say(http_failure(method_, shown_, "stopped after 10 redirects"));
    auto url = net::http_url_of(*next);
    if (!url) return say(http_failure(method_, next->text(), url.err().text));
    // Go leaves the Referer out when https leads to http, and a Host of one's own once the location is a whole URL.
    referer_ = page_.scheme == "https" && next->scheme == "http" ? "" : page_.referer();
    keeps_host_ = keeps_host_ && net::parse_url(location)->scheme.empty();
    page_ = std::move(*next);
    url_ = std::move(*url);
    shown_ = page_.text();
    exchange_.reset();
    drop_connection();
    connect();
  }

  void judge() {
    say(http_verdict(first_method_, check_->http, exchange_->status_code(), exchange_->reason(), body_.take()));
  }

  void say(verdict v) {
    auto keep = shared_from_this();
    auto done = std::exchange(done_, nullptr);
    abort();
    if (done) done(std::move(v));
  }

  run_context& context_;
  std::shared_ptr<const check_registration> check_;
  done_function done_;
  std::string method_, first_method_, shown_, referer_;
  bool send_body_ = false, keeps_host_ = true;
  net::url page_;                // where we are
  net::http_url url_, first_url_;
  tail_buffer body_;
  std::optional<net::http_exchange> exchange_;
  std::shared_ptr<dialler> dialler_;
  std::shared_ptr<stream> stream_;
  std::shared_ptr<SSL_CTX> tls_;
  net::timer_id timer_ = 0;
  int redirects_ = 0;
};

} // namespace

std::shared_ptr<check_run> make_http_run(run_context& context, std::shared_ptr<const check_registration> check, check_run::done_function done) {
  return std::make_shared<http_run>(context, std::move(check), std::move(done));
}

} // namespace actord::health
