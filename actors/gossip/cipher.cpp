#include "actors/gossip/cipher.hpp"
#include <cstdlib>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace actord::gossip {

namespace {

struct context_free {
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }
};
using context = std::unique_ptr<EVP_CIPHER_CTX, context_free>;

const unsigned char* bytes(std::string_view s) { return reinterpret_cast<const unsigned char*>(s.data()); }

const EVP_CIPHER* aes(std::string_view key) {
  switch (key.size()) {
  case 16: return EVP_aes_128_gcm();
  case 24: return EVP_aes_192_gcm();
  case 32: return EVP_aes_256_gcm();
  default: return nullptr;
  }
}

class openssl_cipher final : public cipher {
public:
  openssl_cipher(context seals, context opens) : seals_(std::move(seals)), opens_(std::move(opens)) {}

  std::string nonce() override {
    std::string out(nonce_size, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size())) != 1) std::abort();
    return out;
  }

  void seal(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view plain, std::string& out) override {
    const auto start = out.size();
    out.resize(start + plain.size() + tag_size);
    auto* to = reinterpret_cast<unsigned char*>(out.data()) + start;
    int n = 0;
    bool ok = EVP_EncryptInit_ex(seals_.get(), aes(key), nullptr, bytes(key), bytes(nonce)) == 1;
    if (ok && !bound.empty()) ok = EVP_EncryptUpdate(seals_.get(), nullptr, &n, bytes(bound), static_cast<int>(bound.size())) == 1;
    if (ok && !plain.empty()) ok = EVP_EncryptUpdate(seals_.get(), to, &n, bytes(plain), static_cast<int>(plain.size())) == 1;
    ok = ok && EVP_EncryptFinal_ex(seals_.get(), to + plain.size(), &n) == 1 &&
         EVP_CIPHER_CTX_ctrl(seals_.get(), EVP_CTRL_GCM_GET_TAG, tag_size, to + plain.size()) == 1;
    if (!ok) std::abort(); // only a key of a wrong size gets here, and the keyring takes none; nothing may leave in clear
  }

  bool open(std::string_view key, std::string_view nonce, std::string_view bound, std::string_view sealed, std::string& out) override {
    if (sealed.size() < tag_size) return false;
    const auto body = sealed.substr(0, sealed.size() - tag_size);
    std::string tag(sealed.substr(body.size()));
    out.resize(body.size());
    auto* to = reinterpret_cast<unsigned char*>(out.data());
    int n = 0;
    bool ok = EVP_DecryptInit_ex(opens_.get(), aes(key), nullptr, bytes(key), bytes(nonce)) == 1;
    if (ok && !bound.empty()) ok = EVP_DecryptUpdate(opens_.get(), nullptr, &n, bytes(bound), static_cast<int>(bound.size())) == 1;
    if (ok && !body.empty()) ok = EVP_DecryptUpdate(opens_.get(), to, &n, bytes(body), static_cast<int>(body.size())) == 1;
    return ok && EVP_CIPHER_CTX_ctrl(opens_.get(), EVP_CTRL_GCM_SET_TAG, tag_size, tag.data()) == 1 &&
           EVP_DecryptFinal_ex(opens_.get(), to + body.size(), &n) == 1;
  }

private:
  context seals_, opens_;
};

} // namespace

result<std::unique_ptr<cipher>> make_cipher() {
  context seals(EVP_CIPHER_CTX_new()), opens(EVP_CIPHER_CTX_new());
  if (!seals || !opens) return error(errc::internal, "OpenSSL gives no cipher context");
  return std::unique_ptr<cipher>(std::make_unique<openssl_cipher>(std::move(seals), std::move(opens)));
}

} // namespace actord::gossip
