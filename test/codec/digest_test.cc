// SHA-1 (RFC 3174 section 7.3), MD5 (RFC 1321 appendix A.5), base64 (RFC 4648 section 10).
#include "bytes.h"
#include "check.h"
#include "codec/base64.h"
#include "codec/md5.h"
#include "codec/sha1.h"

namespace wswrap::test {
namespace {

std::string repeat(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

const Test sha1_vectors("SHA-1 gives the digests of RFC 3174", [] {
  const auto digest = [](std::string_view text) { return to_hex(codec::sha1(bytes(text))); };
  expect_equal(digest("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d", "abc");
  expect_equal(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
               "84983e441c3bd26ebaae4aa1f95129e5e54670f1", "two blocks");
  expect_equal(digest(repeat("a", 1'000'000)), "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
               "a million");
  expect_equal(digest(repeat("01234567", 80)), "dea356a2cddd90c7a7ecedc5ebb563934f460452",
               "whole blocks");
  expect_equal(digest(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709", "nothing");
});

const Test md5_vectors("MD5 gives the digests of RFC 1321", [] {
  const auto digest = [](std::string_view text) { return to_hex(codec::md5(bytes(text))); };
  expect_equal(digest(""), "d41d8cd98f00b204e9800998ecf8427e", "nothing");
  expect_equal(digest("a"), "0cc175b9c0f1b6a831c399e269772661", "a");
  expect_equal(digest("abc"), "900150983cd24fb0d6963f7d28e17f72", "abc");
  expect_equal(digest("message digest"), "f96b697d7cb7938d525a2f31aaf161d0", "message digest");
  expect_equal(digest("abcdefghijklmnopqrstuvwxyz"), "c3fcd3d76192e4007dfb496cca67e13b", "a-z");
  expect_equal(digest("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
               "d174ab98d277d9f5a5611c2c9f419d9f", "alphanumeric");
  expect_equal(digest(repeat("1234567890", 8)), "57edf4a22be3c955ac49da2e2107b67a", "digits");
});

// Around 56 and 64 bytes the padding takes one block more: the digests of a run of lengths, hashed
// together, are compared with what Python's hashlib gives.
const Test padding("digests are right at every length up to three blocks", [] {
  Bytes sha1_digests;
  Bytes md5_digests;
  for (std::size_t size = 0; size <= 192; ++size) {
    const Exact message(Bytes(size, std::byte{'x'}));
    append(sha1_digests, codec::sha1(message.span()));
    append(md5_digests, codec::md5(message.span()));
  }
  expect_equal(to_hex(codec::sha1(sha1_digests)), "e97ac6b84f32098d511383b66b572f3f26e2716c",
               "SHA-1");
  expect_equal(to_hex(codec::md5(md5_digests)), "a5c81034f7f8ba548ac9e03a3a226a39", "MD5");
});

std::string base64(std::string_view text) {
  std::string result(codec::base64_size(text.size()), '?');
  const std::size_t size = codec::base64_encode(std::as_bytes(std::span{text}),
                                                std::as_writable_bytes(std::span{result}));
  expect_equal(size, result.size(), "base64_encode returns base64_size");
  return result;
}

const Test base64_vectors("base64 encodes the vectors of RFC 4648", [] {
  expect_equal(base64(""), "", "0");
  expect_equal(base64("f"), "Zg==", "1");
  expect_equal(base64("fo"), "Zm8=", "2");
  expect_equal(base64("foo"), "Zm9v", "3");
  expect_equal(base64("foob"), "Zm9vYg==", "4");
  expect_equal(base64("fooba"), "Zm9vYmE=", "5");
  expect_equal(base64("foobar"), "Zm9vYmFy", "6");
  expect_equal(base64("\xff\xef\xbe\xff"), "/+++/w==", "the two last characters of the alphabet");
});

const Test base64_values("base64_value knows the alphabet and nothing else", [] {
  int known = 0;
  for (int i = 0; i < 256; ++i) known += codec::base64_value(static_cast<std::byte>(i)) >= 0;
  expect_equal(known, 64, "characters with a value");
  const std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 64; ++i) {
    const char c = alphabet[static_cast<std::size_t>(i)];
    expect_equal(codec::base64_value(static_cast<std::byte>(c)), i, "value");
  }
});

}  // namespace
}  // namespace wswrap::test
