#include "actors/health/tls_contexts.hpp"
#include "runtime/base/file_wait.hpp"
#include "runtime/base/files.hpp"
#include "runtime/base/thread_start.hpp"
#include <chrono>
#include <fmt/format.h>
#include <mutex>
#include <string>
#include <sys/stat.h>
#include <vector>

namespace actord::health {

namespace {

using context = result<std::shared_ptr<SSL_CTX>>;
constexpr auto look_interval = std::chrono::seconds(5);

// All files of the authorities at once: OpenSSL would look for one when it is needed, by a name that says its hash, in the loop.
result<std::vector<std::string>> authorities(const tls_settings& s) {
  if (!s.ca_file.empty()) return std::vector<std::string>{s.ca_file};
  if (s.ca_path.empty()) return std::vector<std::string>{};
  auto files = files_below(s.ca_path);
  if (!files) return files.err();
  return *files ? std::move(**files) : std::vector<std::string>{};
}

std::vector<std::string> files_of(const tls_settings& s, std::vector<std::string> authorities) {
  for (auto& own : {s.cert_file, s.key_file})
    if (!s.cert_file.empty() && !own.empty()) authorities.push_back(own);
  return authorities;
}

// Changes with what the files hold.
std::string mark_of(const std::vector<std::string>& files) {
  std::string out;
  for (auto& path : files) {
    const file_wait waits(path);
    struct stat st{};
    if (::stat(path.c_str(), &st) == 0) out += fmt::format("{}:{}:{}.{}:{}\n", path, st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size);
    else out += path + ": -\n";
  }
  return out;
}

context make(const tls_settings& s, const result<std::vector<std::string>>& trusted) {
  std::shared_ptr<SSL_CTX> ctx(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!ctx) return error{errc::internal, "tls: no context"};
  SSL_CTX_set_min_proto_version(ctx.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(ctx.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(ctx.get(), SSL_VERIFY_PEER, nullptr);
  if (!s.use_agent_identity || (s.ca_file.empty() && s.ca_path.empty())) SSL_CTX_set_default_verify_paths(ctx.get());
  if (!s.use_agent_identity) return ctx;
  if (!trusted) return trusted.err();
  for (auto& path : *trusted) {
    const file_wait waits(path);
    if (auto there = is_file(path); !there || !*there || SSL_CTX_load_verify_locations(ctx.get(), path.c_str(), nullptr) != 1)
      return error{errc::internal, "tls: cannot load the CA certificates"};
  }
  const file_wait waits(s.cert_file);
  if (!s.cert_file.empty() &&
      (SSL_CTX_use_certificate_chain_file(ctx.get(), s.cert_file.c_str()) != 1 || SSL_CTX_use_PrivateKey_file(ctx.get(), s.key_file.c_str(), SSL_FILETYPE_PEM) != 1))
    return error{errc::internal, "tls: cannot load the agent's certificate"};
  return ctx;
}

} // namespace

// With the thread that reads, which may hang for ever.
struct tls_contexts::shared {
  const tls_settings settings;
  std::mutex mutex; // guards the rest
  context current = error{errc::internal, "tls: no context"};
  std::string mark;
  bool reading = false;
  std::chrono::steady_clock::time_point looked;

  explicit shared(tls_settings s) : settings(std::move(s)) {}

  void read() {
    const auto trusted = authorities(settings);
    const auto now = mark_of(files_of(settings, trusted ? *trusted : std::vector<std::string>{}));
    {
      std::lock_guard hold(mutex);
      if (now == mark && current) return note_looked();
    }
    auto made = make(settings, trusted);
    std::lock_guard hold(mutex);
    // One that is being replaced may be half written: what was read before it goes on.
    if (made || !current) {
      current = std::move(made);
      mark = now;
    }
    note_looked();
  }
  void note_looked() {
    reading = false;
    looked = std::chrono::steady_clock::now();
  }
};

tls_contexts::tls_contexts(tls_settings s) : shared_(std::make_shared<shared>(std::move(s))) {
  if (shared_->settings.use_agent_identity) shared_->read();
}
tls_contexts::~tls_contexts() = default;

result<std::shared_ptr<SSL_CTX>> tls_contexts::get() {
  std::unique_lock hold(shared_->mutex);
  if (!shared_->settings.use_agent_identity) { // reads nothing; made when the first check wants it
    if (!shared_->current) shared_->current = make(shared_->settings, std::vector<std::string>{});
    return shared_->current;
  }
  auto now = shared_->current;
  if (shared_->reading || std::chrono::steady_clock::now() - shared_->looked < look_interval) return now;
  shared_->reading = true;
  hold.unlock();
  if (auto t = start_thread("tls-files", [s = shared_] { s->read(); })) t->detach();
  else {
    hold.lock();
    shared_->note_looked();
  }
  return now;
}

} // namespace actord::health
