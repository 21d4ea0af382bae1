// One call of grpc.health.v1.Health/Check over HTTP/2 (RFC 7540), seen from the client, without I/O: the bytes to send and
// what to make of those that come back. No HPACK decoding: the answer is the message; a failed call has none.
#pragma once
#include "runtime/base/error.hpp"
#include <optional>
#include <string>
#include <string_view>

namespace actord::health {

// Preface, settings and the call. `service` may be empty (the server as a whole).
std::string grpc_health_request(std::string_view authority, std::string_view service, bool tls);

class grpc_health_reader {
public:
  // Appends to `reply` what has to be sent back (acknowledgements). After finished() no more is read.
  void feed(std::string_view bytes, std::string& reply);
  bool finished() const { return serving_.has_value() || !failure_.empty(); }
  bool serving() const { return serving_.value_or(false); }
  const std::string& failure() const { return failure_; } // Go's words, "" while there is none

private:
  void frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload, std::string& reply);
  void message_bytes(std::string_view bytes);
  std::string buffer_, message_;
  std::optional<bool> serving_;
  std::string failure_;
};

} // namespace actord::health
