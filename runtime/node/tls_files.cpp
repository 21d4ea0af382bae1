#include "runtime/node/tls_files.hpp"
#include "runtime/base/files.hpp"
#include <cerrno>
#include <fmt/format.h>
#include <memory>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

namespace actord {
namespace {

template <auto free> struct releases {
  template <class T> void operator()(T* p) const { free(p); }
};
using bio = std::unique_ptr<BIO, releases<BIO_free_all>>;
using certificate = std::unique_ptr<X509, releases<X509_free>>;
using private_key = std::unique_ptr<EVP_PKEY, releases<EVP_PKEY_free>>;

constexpr size_t most_pem_bytes = 16 << 20; // all authorities of a system come to a quarter of one

error refuse(std::string text) { return {errc::bad_request, std::move(text)}; }

result<std::string> contents(const std::string& path) {
  auto text = read_file(path, most_pem_bytes);
  if (!text) return text.err();
  if (!*text) return file_error("open", path, ENOENT);
  return std::move(**text);
}

bool has_pem(const std::string& text) { return text.find("-----BEGIN ") != std::string::npos; }

certificate first_certificate(const std::string& pem) {
  const bio from(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  certificate out(PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return out;
}

// A key that asks for a password cannot be used: nobody is there to type it.
private_key read_key(const std::string& pem) {
  const bio from(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  private_key out(PEM_read_bio_PrivateKey(from.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr));
  ERR_clear_error();
  return out;
}

status check_pair(const std::string& cert_file, const std::string& key_file) {
  const auto no = [](std::string why) { return refuse("Failed to load cert/key pair: " + std::move(why)); };
  const auto cert = contents(cert_file), key = contents(key_file);
  if (!cert) return no(cert.err().text);
  if (!key) return no(key.err().text);
  if (!has_pem(*cert)) return no("tls: failed to find any PEM data in certificate input");
  if (!has_pem(*key)) return no("tls: failed to find any PEM data in key input");
  const auto read_cert = first_certificate(*cert);
  if (!read_cert) return no("tls: failed to parse the certificate in " + cert_file);
  const auto read = read_key(*key);
  if (!read) return no("tls: failed to parse private key");
  const auto* of_cert = X509_get0_pubkey(read_cert.get()); // null: of a kind that OpenSSL does not know
  ERR_clear_error();
  if (of_cert == nullptr) return no("tls: failed to parse the certificate in " + cert_file + ": unknown kind of key");
  if (EVP_PKEY_base_id(read.get()) != EVP_PKEY_base_id(of_cert)) return no("tls: private key type does not match public key type");
  const bool fits = X509_check_private_key(read_cert.get(), read.get()) == 1;
  ERR_clear_error();
  return fits ? status() : status(no("tls: private key does not match public key"));
}

status check_authorities(const std::string& file) {
  const auto pem = contents(file);
  if (!pem) return refuse(fmt::format("Error loading from {}: {}", file, pem.err().text));
  // Consul shows what stands in the file; it may be somebody's key.
  return first_certificate(*pem) ? status() : status(refuse("Couldn't parse PEM in " + file));
}

status check_authorities_folder(const std::string& folder) {
  const auto files = files_below(folder);
  if (!files) return refuse("Error loading from CAPath: " + files.err().text);
  if (!*files) return refuse("lstat " + folder + ": no such file or directory");
  if ((*files)->empty()) return refuse("Error loading from CAPath: no CAs found");
  for (auto& one : **files)
    if (auto s = check_authorities(one); !s) return s;
  return {};
}

} // namespace

status check_tls_files(const node_config& c) {
  const bool pair = !c.cert_file.empty() && !c.key_file.empty();
  if (pair)
    if (auto s = check_pair(c.cert_file, c.key_file); !s) return s;
  if (!c.ca_file.empty()) {
    if (auto s = check_authorities(c.ca_file); !s) return s;
  } else if (!c.ca_path.empty()) {
    if (auto s = check_authorities_folder(c.ca_path); !s) return s;
  }
  if (c.tls_min_version != "tls10" && c.tls_min_version != "tls11" && c.tls_min_version != "tls12" && c.tls_min_version != "tls13" && !c.tls_min_version.empty())
    return refuse(fmt::format("TLSMinVersion: value {} not supported, please specify one of [tls10, tls11, tls12, tls13]", c.tls_min_version));
  if (c.verify_incoming_https && c.ca_file.empty() && c.ca_path.empty()) return refuse("VerifyIncoming set but no CA certificates were provided");
  if (c.verify_incoming_https && !pair)
    return refuse("VerifyIncoming requires either a Cert and Key pair in the configuration file, or auto_encrypt/auto_config be enabled");
  return {};
}

} // namespace actord
