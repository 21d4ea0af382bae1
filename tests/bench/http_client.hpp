#pragma once
// HTTP/1.1 as the load needs it: a reader that takes answers apart piece by piece, and a blocking client for
// preparations.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace actord::bench {

struct http_answer {
  int status = 0;            ///< 0: the connection failed.
  std::uint64_t index = 0;   ///< X-Consul-Index, 0 when absent.
  std::string body;          ///< Only kept when asked for.
};

/// Takes one answer at a time out of a byte stream, without keeping bodies unless asked to.
class answer_reader {
public:
  explicit answer_reader(bool keep_body = false) : keep_body_(keep_body) {}
  /// Eats from `bytes`; returns how many were eaten. done() tells whether the answer is complete.
  std::size_t feed(std::string_view bytes);
  bool done() const { return state_ == state::done; }
  bool broken() const { return state_ == state::broken; }
  const http_answer& answer() const { return answer_; }
  void reset();

private:
  enum class state : std::uint8_t { head, sized, chunk_size, chunk, trailer, done, broken };
  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_line(std::string_view bytes);
  void read_head();

  state state_ = state::head;
  bool keep_body_;
  std::size_t left_ = 0;
  std::string head_;
  std::string line_;
  http_answer answer_;
};

/// A blocking keep-alive connection to 127.0.0.1.
class http_client {
public:
  explicit http_client(std::uint16_t port);
  ~http_client();
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  bool connected() const { return socket_ >= 0; }
  /// One request and its answer; status 0 when the connection failed.
  http_answer exchange(std::string_view method, std::string_view path, std::string_view body = {});
  /// As exchange, but throws std::runtime_error when the status is not 200.
  http_answer must(std::string_view method, std::string_view path, std::string_view body = {});

private:
  int socket_ = -1;
};

/// The bytes of one request.
std::string request_text(std::string_view method, std::string_view path, std::string_view body = {});
/// A socket connected to 127.0.0.1, or -1. `kind` is SOCK_STREAM or SOCK_DGRAM, with flags.
int connect_local(std::uint16_t port, int kind);

} // namespace actord::bench
