from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient

REQUESTS = 100


def test_a_burst_of_requests_waits_its_turn_and_is_answered(browser: TestClient) -> None:
    """More requests than connections and worker threads together: none may starve the others."""
    with ThreadPoolExecutor(REQUESTS) as people:
        answers = [people.submit(browser.get, "/api/v1/session") for _ in range(REQUESTS)]
        codes = {answer.result(20).status_code for answer in answers}
    assert codes == {401}
