// A cipher that opens everything, so that a fuzz target looks at what is inside, too.
#pragma once
#include "actors/gossip/core/keyring.hpp"

namespace actord::gossip {

class open_cipher final : public cipher {
public:
  std::string nonce() override { return std::string(nonce_size, 'n'); }
  void seal(std::string_view, std::string_view, std::string_view, std::string_view plain, std::string& out) override {
    out.append(plain).append(tag_size, 't');
  }
  bool open(std::string_view, std::string_view, std::string_view, std::string_view sealed, std::string& out) override {
    out = sealed.substr(0, sealed.size() - tag_size);
    return true;
  }
};

} // namespace actord::gossip
