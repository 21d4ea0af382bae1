#include "actors/gossip/core/keyring.hpp"
#include "runtime/base/json_codec.hpp"
#include "runtime/base/json_writer.hpp"
#include <algorithm>

namespace actord::gossip {

namespace {

constexpr unsigned char sealed_padded = 0, sealed_plainly = 1; // version bytes
constexpr size_t block = 16;

bool fits(std::string_view key) { return key.size() == 16 || key.size() == 24 || key.size() == 32; }
error bad_size() { return {errc::internal, "key size must be 16, 24 or 32 bytes"}; }

} // namespace

status keyring::add(std::string_view key) {
  if (!fits(key)) return bad_size();
  if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return {};
  if (keys_.size() >= max_keys) return error(errc::internal, "too many keys in the keyring");
  keys_.emplace_back(key);
  return {};
}

status keyring::use(std::string_view key) {
  const auto it = std::find(keys_.begin(), keys_.end(), key);
  if (it == keys_.end()) return error(errc::internal, "Requested key is not in the keyring");
  std::rotate(keys_.begin(), it, it + 1);
  return {};
}

status keyring::remove(std::string_view key) {
  if (!keys_.empty() && key == keys_.front()) return error(errc::internal, "Removing the primary key is not allowed");
  if (const auto it = std::find(keys_.begin(), keys_.end(), key); it != keys_.end()) keys_.erase(it);
  return {};
}

std::string key_text(std::string_view key) {
  std::string out;
  append_base64(out, key);
  return out;
}

result<std::string> parse_key(std::string_view text) {
  std::string key;
  if (!decode_base64(text, key)) return error(errc::bad_request, "illegal base64 data at input byte 0");
  if (!fits(key)) return bad_size();
  return key;
}

std::string keyring_file(const keyring& k, bool indented) {
  std::string out;
  json_writer w(out);
  w.begin_array();
  for (const auto& key : k.keys()) w.string(key_text(key));
  w.end_array();
  return indented ? json_pretty(out, "  ", false) : out;
}

result<keyring> parse_keyring_file(std::string_view text) {
  string_slice texts;
  if (auto s = from_json(text, texts); !s) return s.err();
  // What a key is made of has no bracket: the first one ends the list.
  if (const auto behind = text.find_first_not_of(" \t\r\n", text.find(']') + 1); !texts.empty() && behind != text.npos)
    return error(errc::bad_request, "invalid character '" + std::string(1, text[behind]) + "' after top-level value");
  keyring out;
  for (const auto& t : texts) {
    auto key = parse_key(t);
    if (!key) return key.err();
    if (auto s = out.add(*key); !s) return s.err();
  }
  if (out.empty()) return error(errc::bad_request, "no keys present in keyring file");
  return out;
}

std::string sealing::seal(std::string_view plain, std::string_view bound) const {
  std::string out;
  out.reserve(plain.size() + overhead);
  out.push_back(static_cast<char>(sealed_plainly));
  const auto nonce = cipher_->nonce();
  out += nonce;
  cipher_->seal(keys_->primary(), nonce, bound, plain, out);
  return out;
}

result<std::string> sealing::open(std::string_view sealed, std::string_view bound) const {
  if (sealed.empty()) return error(errc::corrupt, "Cannot decrypt empty payload");
  const auto version = static_cast<unsigned char>(sealed.front());
  if (version > sealed_plainly) return error(errc::corrupt, "Unsupported encryption version " + std::to_string(version));
  if (sealed.size() < overhead + (version == sealed_padded ? block : 0))
    return error(errc::corrupt, "Payload is too small to decrypt: " + std::to_string(sealed.size()));
  const auto nonce = sealed.substr(1, cipher::nonce_size), body = sealed.substr(1 + cipher::nonce_size);
  std::string out;
  for (const auto& key : keys_->keys()) {
    out.clear();
    if (!cipher_->open(key, nonce, bound, body, out)) continue;
    if (version == sealed_plainly) return out;
    const size_t padding = out.empty() ? 0 : static_cast<unsigned char>(out.back());
    if (padding == 0 || padding > block || padding > out.size()) return error(errc::corrupt, "wrong padding of an encrypted message");
    out.resize(out.size() - padding);
    return out;
  }
  return error(errc::permission, "No installed keys could decrypt the message");
}

} // namespace actord::gossip
