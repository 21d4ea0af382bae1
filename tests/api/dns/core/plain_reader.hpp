// A slow, obvious reader of DNS messages for tests: the dumb twin of the writer. Records become lines of text.
#pragma once
#include "api/dns/core/message.hpp"
#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace plain {

struct message {
  int code = 0;
  std::string flags; // of "aa tc rd ra"
  std::string question;
  std::vector<std::string> answer, authority, additional; // sorted
};

class reader {
public:
  explicit reader(actord::dns::byte_view p) : p_(p) {}
  message read() {
    message m;
    unsigned flags = n16(2);
    if (!(flags & 0x8000)) throw std::runtime_error("not an answer");
    for (auto [bit, name] : {std::pair{0x0400u, "aa "}, {0x0200u, "tc "}, {0x0100u, "rd "}, {0x0080u, "ra "}})
      if (flags & bit) m.flags += name;
    m.code = flags & 15;
    at_ = 12;
    if (n16(4) > 0) {
      m.question = name() + " ";
      m.question += std::to_string(n16(at_));
      at_ += 4;
    }
    section(n16(6), m.answer);
    section(n16(8), m.authority);
    section(n16(10), m.additional);
    if (at_ != p_.size()) throw std::runtime_error("trailing bytes");
    return m;
  }

private:
  unsigned n8(size_t i) const { return i < p_.size() ? p_[i] : throw std::runtime_error("short"); }
  unsigned n16(size_t i) const { return n8(i) << 8 | n8(i + 1); }
  std::string name_at(size_t& at) const {
    std::string out;
    size_t here = at;
    bool jumped = false;
    for (int steps = 0; steps < 200; ++steps) {
      unsigned n = n8(here);
      if (n >= 0xc0) {
        if (!jumped) at = here + 2;
        jumped = true;
        here = (n & 0x3f) << 8 | n8(here + 1);
      } else if (n == 0) {
        if (!jumped) at = here + 1;
        return out.empty() ? "." : out;
      } else {
        for (size_t i = 1; i <= n; ++i) out += static_cast<char>(n8(here + i));
        out += '.';
        here += n + 1;
      }
    }
    throw std::runtime_error("endless name");
  }
  std::string name() { return name_at(at_); }
  void section(unsigned count, std::vector<std::string>& out) {
    for (unsigned i = 0; i < count; ++i) out.push_back(record());
    std::sort(out.begin(), out.end());
  }
  std::string record() {
    std::string owner = name();
    unsigned type = n16(at_), klass = n16(at_ + 2);
    uint32_t ttl = n16(at_ + 4) << 16 | n16(at_ + 6);
    size_t length = n16(at_ + 8), end = at_ + 10 + length;
    at_ += 10;
    std::string line = owner + " " + std::to_string(ttl) + " ";
    if (type == 1 || type == 28) {
      actord::dns::ip_address ip{static_cast<uint8_t>(type == 1 ? 4 : 6), {}};
      for (size_t i = 0; i < length; ++i) ip.bytes[i] = static_cast<uint8_t>(n8(at_ + i));
      line += (type == 1 ? "A " : "AAAA ") + actord::dns::format_ip(ip);
    } else if (type == 5 || type == 2 || type == 12) {
      line += std::string(type == 5 ? "CNAME " : type == 2 ? "NS " : "PTR ") + name();
    } else if (type == 33) {
      line += "SRV " + std::to_string(n16(at_)) + " " + std::to_string(n16(at_ + 2)) + " " + std::to_string(n16(at_ + 4)) + " ";
      at_ += 6;
      line += name();
    } else if (type == 16) {
      line += "TXT";
      for (size_t at = at_; at < end; at += n8(at) + 1) {
        line += " ";
        for (size_t i = 1; i <= n8(at); ++i) line += static_cast<char>(n8(at + i));
      }
    } else if (type == 6) {
      line += "SOA " + name();
      line += " " + name();
      at_ += 4;
      for (int i = 0; i < 4; ++i, at_ += 4) line += " " + std::to_string(n16(at_) << 16 | n16(at_ + 2));
    } else if (type == 41) {
      line = "OPT " + std::to_string(klass);
      static constexpr char hex[] = "0123456789abcdef";
      if (length > 0) line += " ";
      for (size_t i = 0; i < length; ++i) (line += hex[n8(at_ + i) >> 4]) += hex[n8(at_ + i) & 15];
    }
    at_ = end;
    return line;
  }
  actord::dns::byte_view p_;
  size_t at_ = 0;
};

// A question as a client sends it. `edns` 0: without. `subnet` is the option's data.
inline std::vector<uint8_t> question(const std::string& dotted, uint16_t qtype, uint16_t edns = 0, const std::string& subnet = {}) {
  std::string wire;
  actord::dns::make_name(wire, dotted);
  std::vector<uint8_t> out;
  actord::dns::write_question(out, 4711, wire, qtype);
  if (edns != 0) {
    out[11] = 1;
    auto put = [&](unsigned x) {
      out.push_back(static_cast<uint8_t>(x >> 8));
      out.push_back(static_cast<uint8_t>(x));
    };
    out.push_back(0);
    put(41);
    put(edns);
    put(0);
    put(0);
    put(subnet.empty() ? 0 : static_cast<unsigned>(subnet.size()) + 4);
    if (!subnet.empty()) {
      put(8);
      put(static_cast<unsigned>(subnet.size()));
      out.insert(out.end(), subnet.begin(), subnet.end());
    }
  }
  return out;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (auto& l : lines) out += (out.empty() ? "" : "; ") + l;
  return out;
}

} // namespace plain
