// The keys of a pool, and what seals messages with them (AES-GCM). The cipher itself is handed in: it lives outside of the core.
#pragma once
#include "runtime/base/error.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace actord::gossip {

// Keys of 16, 24 or 32 bytes, the first one is primary: it alone seals, all of them open. Errors are errc::internal with the
// reference's text.
class keyring {
public:
  static constexpr size_t max_keys = 4096; // far above what an operator rotates through

  status add(std::string_view key);    // nothing when it is there; the first one becomes primary
  status use(std::string_view key);    // makes it primary
  status remove(std::string_view key); // nothing when it is not there; the primary stays
  const std::vector<std::string>& keys() const { return keys_; }
  bool empty() const { return keys_.empty(); }
  std::string_view primary() const { return keys_.empty() ? std::string_view{} : std::string_view(keys_.front()); }
  bool operator==(const keyring&) const = default;

private:
  std::vector<std::string> keys_;
};

std::string key_text(std::string_view key);         // standard base64
result<std::string> parse_key(std::string_view text);

// The keyring file: a JSON array of base64 keys, primary first. A file that was just made from a configured key is on one line,
// `indented` is what every later change writes. Neither ends with a line break.
std::string keyring_file(const keyring& k, bool indented = true);
result<keyring> parse_keyring_file(std::string_view text);

// AES-GCM for one process.
class cipher {
public:
  static constexpr size_t nonce_size = 12, tag_size = 16;
  virtual ~cipher() = default;
  virtual std::string nonce() = 0; // nonce_size random bytes
  // Appends ciphertext and tag to `out`. `key` has a valid size.
  virtual void seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view plain, std::string& out) = 0;
  // Opens ciphertext and tag into `out`; false when key, nonce, bound bytes or tag do not fit.
  virtual bool open(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view sealed, std::string& out) = 0;
};

// What both transports do with a keyring. Refers to a keyring and a cipher that outlive it; the keyring may change meanwhile.
class sealing {
public:
  static constexpr size_t overhead = 1 + cipher::nonce_size + cipher::tag_size; // version byte included

  // verify_incoming: refuse what is not sealed; verify_outgoing: seal what leaves. Both are off for a while when encryption is
  // switched on in a running pool.
  sealing(const keyring& keys, cipher& c, bool verify_incoming = true, bool verify_outgoing = true)
      : keys_(&keys), cipher_(&c), verify_incoming_(verify_incoming), verify_outgoing_(verify_outgoing) {}

  bool enabled() const { return !keys_->empty(); }
  bool refuses_plain() const { return enabled() && verify_incoming_; }
  bool seals() const { return enabled() && verify_outgoing_; }
  void verify(bool incoming, bool outgoing) {
    verify_incoming_ = incoming;
    verify_outgoing_ = outgoing;
  }

  // version | nonce | ciphertext | tag, with the primary key. `bound` is authenticated beside it.
  std::string seal(std::string_view plain, std::string_view bound = {}) const;
  // Tries every key. Linear in the input times the number of keys.
  result<std::string> open(std::string_view sealed, std::string_view bound = {}) const;

private:
  const keyring* keys_;
  cipher* cipher_;
  bool verify_incoming_, verify_outgoing_;
};

} // namespace actord::gossip
