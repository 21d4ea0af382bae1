#include "actors/health/core/grpc_health.hpp"
#include <cstdint>

namespace actord::health {

namespace {

constexpr uint8_t frame_data = 0, frame_headers = 1, frame_reset = 3, frame_settings = 4, frame_ping = 6, frame_goaway = 7;
constexpr uint8_t flag_end_stream = 1, flag_ack = 1, flag_end_headers = 4, flag_padded = 8;
constexpr size_t max_frame = 16384, max_message = 65536;

void put_frame(std::string& out, uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  const auto n = static_cast<uint32_t>(payload.size());
  for (uint32_t byte : {n >> 16, n >> 8, n, uint32_t{type}, uint32_t{flags}, stream >> 24, stream >> 16, stream >> 8, stream})
    out += static_cast<char>(byte & 0xff);
  out += payload;
}

// RFC 7541 5.1 with an `n`-bit prefix whose other bits are `first`.
void put_integer(std::string& out, uint8_t first, int n, size_t value) {
  const size_t top = (size_t{1} << n) - 1;
  if (value < top) return out.push_back(static_cast<char>(first | value));
  out.push_back(static_cast<char>(first | top));
  for (value -= top; value >= 128; value >>= 7) out.push_back(static_cast<char>(value % 128 + 128));
  out.push_back(static_cast<char>(value));
}
void put_text(std::string& out, std::string_view s) {
  put_integer(out, 0, 7, s.size());
  out += s;
}
void put_header(std::string& out, size_t static_name, std::string_view value) {
  put_integer(out, 0, 4, static_name);
  put_text(out, value);
}

} // namespace

std::string grpc_health_request(std::string_view authority, std::string_view service, bool tls) {
  std::string out = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", headers, message, body;
  put_frame(out, frame_settings, 0, 0, "");
  headers += static_cast<char>(0x83);              // :method POST
  headers += static_cast<char>(tls ? 0x87 : 0x86); // :scheme
  put_header(headers, 4, "/grpc.health.v1.Health/Check");
  put_header(headers, 1, authority);
  put_header(headers, 31, "application/grpc");
  headers += '\0';
  put_text(headers, "te");
  put_text(headers, "trailers");
  put_frame(out, frame_headers, flag_end_headers, 1, headers);
  if (!service.empty()) { // HealthCheckRequest{service = 1}
    message += '\x0a';
    for (size_t n = service.size();; n >>= 7) {
      message += static_cast<char>(n >= 128 ? (n & 127) | 128 : n);
      if (n < 128) break;
    }
    message += service;
  }
  body += '\0';
  const auto n = static_cast<uint32_t>(message.size());
  for (uint32_t byte : {n >> 24, n >> 16, n >> 8, n}) body += static_cast<char>(byte & 0xff);
  body += message;
  put_frame(out, frame_data, flag_end_stream, 1, body);
  return out;
}

void grpc_health_reader::feed(std::string_view bytes, std::string& reply) {
  buffer_ += bytes;
  size_t at = 0;
  while (!finished() && buffer_.size() - at >= 9) {
    auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(buffer_[at + i])); };
    const size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (length > max_frame) {
      failure_ = "rpc error: code = Unavailable desc = connection closed";
      return;
    }
    if (buffer_.size() - at < 9 + length) break;
    const uint32_t stream = (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffff;
    frame(static_cast<uint8_t>(byte(3)), static_cast<uint8_t>(byte(4)), stream, std::string_view(buffer_).substr(at + 9, length), reply);
    at += 9 + length;
  }
  buffer_.erase(0, at);
}

void grpc_health_reader::frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload, std::string& reply) {
  if (type == frame_settings && !(flags & flag_ack)) put_frame(reply, frame_settings, flag_ack, 0, "");
  else if (type == frame_ping && !(flags & flag_ack)) put_frame(reply, frame_ping, flag_ack, 0, payload);
  else if (type == frame_goaway || (type == frame_reset && stream == 1))
    failure_ = "rpc error: code = Unavailable desc = transport is closing";
  else if (type == frame_data && stream == 1) {
    if (flags & flag_padded) {
      const size_t pad = payload.empty() ? 1 : static_cast<unsigned char>(payload[0]) + size_t{1};
      if (pad > payload.size()) return void(failure_ = "rpc error: code = Internal desc = bad padding");
      payload = payload.substr(1, payload.size() - pad);
    }
    message_bytes(payload);
    if ((flags & flag_end_stream) && !finished()) failure_ = "rpc error: code = Internal desc = message cut short";
  } else if (type == frame_headers && stream == 1 && (flags & flag_end_stream) && !finished())
    failure_ = "rpc error: code = Unknown desc = the health service refused the call";
}

// HealthCheckResponse{status = 1: varint}; 1 is SERVING.
void grpc_health_reader::message_bytes(std::string_view bytes) {
  message_ += bytes.substr(0, max_message);
  if (message_.size() < 5) return;
  size_t length = 0;
  for (int i = 1; i < 5; ++i) length = length << 8 | static_cast<unsigned char>(message_[static_cast<size_t>(i)]);
  if (length > max_message) return void(failure_ = "rpc error: code = ResourceExhausted desc = message too large");
  if (message_.size() < 5 + length) return;
  serving_ = length >= 2 && message_[5] == '\x08' && message_[6] == '\x01';
}

} // namespace actord::health
