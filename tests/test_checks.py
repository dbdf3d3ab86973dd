from lenet_keras.checks import expect


def test_an_error_says_what_was_expected_and_what_was_received(message):
    expect(True, "anything", name="of any kind")
    text = message(expect, 2 < 1, "a number below 1", number=2, word="a")
    assert text == "Expected a number below 1. Received: number=2, word='a'"
